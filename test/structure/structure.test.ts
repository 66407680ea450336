import { expect, test } from 'vitest';
import { type SourceFile, sources } from './sources.ts';

const product = sources('lib', 'bin', 'functions');
const everything = [...product, ...sources('test', 'bench')];

/** What each place may import of the project; everything else of the project is out of its reach. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'lib/errors.ts': [],
  'lib/asl': ['lib/asl', 'lib/errors.ts', 'lib/stores/ports.ts', 'lib/stores/lines.ts'],
  'lib/engine': ['lib/engine', 'lib/errors.ts', 'lib/storage-error.ts'],
  'lib/stores': ['lib/stores', 'lib/errors.ts', 'lib/storage-error.ts', 'lib/iceberg/json.ts'],
  'lib/iceberg': [
    'lib/iceberg',
    'lib/errors.ts',
    'lib/stores/ports.ts',
    'lib/stores/location.ts',
    'lib/engine/engine.ts',
    'lib/engine/murmur3.ts',
    'lib/engine/sql.ts',
  ],
  'lib/config': ['lib/config', 'lib/errors.ts', 'lib/engine'],
  'lib/summary': [
    'lib/summary',
    'lib/errors.ts',
    'lib/config',
    'lib/iceberg',
    'lib/engine/engine.ts',
    'lib/engine/dialect.ts',
    'lib/engine/duckdb-dialect.ts',
    'lib/engine/engine-model.ts',
    'lib/engine/spark-dialect.ts',
    'lib/engine/spark.ts',
    'lib/engine/sql.ts',
    'lib/stores/ports.ts',
    'lib/stores/location.ts',
    'lib/run',
    'lib/simulate/assumptions.ts',
    'lib/simulate/prices.ts',
    'lib/upkeep',
  ],
  'lib/upkeep': [
    'lib/upkeep',
    'lib/errors.ts',
    'lib/config',
    'lib/iceberg',
    'lib/engine/engine.ts',
    'lib/engine/sql.ts',
    'lib/stores/ports.ts',
    'lib/stores/location.ts',
    'lib/run',
  ],
  'lib/rollup': [
    'lib/rollup',
    'lib/errors.ts',
    'lib/config',
    'lib/iceberg',
    'lib/committer',
    'lib/upkeep',
    'lib/report/format.ts',
    'lib/engine/engine.ts',
    'lib/engine/dialect.ts',
    'lib/engine/duckdb-dialect.ts',
    'lib/engine/spark-dialect.ts',
    'lib/engine/spark.ts',
    'lib/engine/sql.ts',
    'lib/stores/ports.ts',
    'lib/stores/location.ts',
    'lib/run',
  ],
  'lib/committer': [
    'lib/committer',
    'lib/errors.ts',
    'lib/stores/ports.ts',
    'lib/stores/location.ts',
    'lib/run/ahead.ts',
  ],
  'lib/triggers': [
    'lib/triggers',
    'lib/iceberg',
    'lib/errors.ts',
    'lib/config',
    'lib/run',
    'lib/rollup/rules.ts',
    'lib/stores/ports.ts',
    'lib/stores/trigger-ports.ts',
    'lib/stores/location.ts',
    'lib/stores/sequencer.ts',
  ],
  'lib/stacks': ['lib/stacks', 'lib/config', 'lib/errors.ts', 'lib/asl'],
};

const packages: Readonly<Record<string, readonly string[]>> = {
  'aws-cdk-lib': ['lib/stacks/', 'bin/app.ts', 'bin/synth-asl.ts', 'test/stacks/'],
  constructs: ['lib/stacks/', 'bin/app.ts', 'bin/synth-asl.ts', 'test/stacks/'],
  '@smithy': ['lib/stores/'],
  '@aws-sdk': ['lib/stores/', 'lib/cli/aws/', 'test/', 'functions/'],
  '@duckdb/node-api': ['lib/engine/', 'test/', 'bench/', 'lib/cli/', 'lib/demo/'],
};

test('imports point one way: workloads and the table layer know ports, adapters know their libraries', () => {
  const wrong = product.flatMap((file) => {
    const place = Object.keys(allowed).find(
      (prefix) => file.path === prefix || file.path.startsWith(`${prefix}/`),
    );
    if (place === undefined) return [];
    const may = allowed[place] ?? [];
    return file.imports
      .filter(
        ({ target }) =>
          target.startsWith('lib/') &&
          !may.some((prefix) => target === prefix || target.startsWith(`${prefix}/`)),
      )
      .map(({ target }) => `${file.path} -> ${target}`);
  });
  expect(wrong).toEqual([]);
});

test('each library is imported in its own place only', () => {
  const wrong = everything.flatMap((file) =>
    file.imports.flatMap(({ target }) => {
      const name = Object.keys(packages).find((one) => target === one || target.startsWith(`${one}/`));
      if (name === undefined || packages[name]?.some((place) => file.path.startsWith(place))) return [];
      return [`${file.path} -> ${target}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test('no file of the product grows past what one reads in a sitting', () => {
  const long = product
    .filter((file) => file.text.split('\n').length > 400)
    .map((file) => `${file.path}: ${file.text.split('\n').length} lines`);
  expect(long).toEqual([]);
});

test('nothing is exported that no other file imports', () => {
  const used = new Map<string, Set<string>>();
  const whole = new Set<string>();
  for (const file of everything) {
    for (const { target, names, all } of file.imports) {
      if (all) whole.add(target);
      const known = used.get(target) ?? new Set();
      for (const name of names) known.add(name);
      used.set(target, known);
    }
  }
  const dead = product
    .filter((file) => !whole.has(file.path) && !isEntry(file))
    .flatMap((file) =>
      file.exports.filter((name) => used.get(file.path)?.has(name) !== true).map((name) => ({ file, name })),
    )
    .filter(({ file, name }) => !isPartOfContract(file, name))
    .map(({ file, name }) => `${file.path}: ${name}`);
  expect(dead).toEqual([]);
});

test('no file is left that nothing imports', () => {
  const targets = new Set(everything.flatMap((file) => file.imports.map(({ target }) => target)));
  expect(
    product.filter((file) => !targets.has(file.path) && !isEntry(file)).map((file) => file.path),
  ).toEqual([]);
});

function isEntry(file: SourceFile): boolean {
  return (
    file.path.startsWith('bin/') || file.path.startsWith('functions/') || file.path.endsWith('/index.ts')
  );
}

/** Types of the ports and of an exported function's own signature may stand unused: they are the contract. */
function isPartOfContract(file: SourceFile, name: string): boolean {
  if (file.path === 'lib/errors.ts' || file.path.endsWith('/types.ts')) return true;
  if (!new RegExp(`^export\\s+(?:interface|type)\\s+${name}\\b`, 'm').test(file.text)) return false;
  return (file.text.match(new RegExp(`\\b${name}\\b`, 'g')) ?? []).length > 1;
}
