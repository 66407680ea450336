import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Dialect } from '../../lib/engine/dialect.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { duckDb } from '../../lib/engine/duckdb-dialect.ts';
import type { EngineSession } from '../../lib/engine/engine.ts';
import type { SparkUnit } from '../../lib/engine/spark.ts';
import { spark } from '../../lib/engine/spark-dialect.ts';
import { text } from '../../lib/engine/sql.ts';
import { edited, gridText, tailFromNeighbours } from '../../lib/summary/sql/arrays.ts';
import { monthNumberSql, monthTextSql } from '../../lib/summary/sql/months.ts';
import { runUnit, sparkRunner } from './runner.ts';

let folder = '';
let session: EngineSession;
const runner = sparkRunner();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-parity-'));
  session = await openDuckDb({ memoryBytes: 2 ** 28, threads: 1, workFolder: `${folder}/session` });
});
afterAll(async () => {
  await session?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let units = 0;
function run(unit: Partial<SparkUnit>) {
  units += 1;
  return runUnit(runner, unit, { folder: `${folder}/unit-${units}` });
}

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "'",
        "''",
        '"',
        '`',
        '\\',
        '\\\\',
        '$',
        '{',
        `\${x}`,
        '\\u0041',
        '\\%',
        '_',
        '\n',
        '--',
        '/*',
        ';',
      ),
      fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '')),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

it('any text and any name comes back from Spark as it was', async () => {
  const values = fc.sample(hostile, { seed: 7, numRuns: 400 });
  const names = values.filter((name) => name !== '' && !name.includes(`\${`));
  const texts = values.map((value, at) => `hex(encode(${spark.text(value)}, 'utf-8')) AS t${at}`);
  const struct = names.map((name) => `${spark.text(name)}, 1`);
  const { answers } = await run({
    queries: {
      texts: `SELECT ${texts.join(', ')}`,
      names: `SELECT ${names.map((name, at) => `named_struct(${struct[at]}).${spark.identifier(name)} AS n${at}`).join(', ')}`,
    },
  });
  const [row] = answers['texts'] ?? [];
  expect(values.map((_, at) => Buffer.from(String(row?.[`t${at}`]), 'hex').toString())).toEqual(values);
  expect(Object.values(answers['names']?.[0] ?? {}).every((found) => found === 1)).toBe(true);
});

it('the hash of a row tells where its NULLs are, by either engine', async () => {
  const hashes = (dialect: Dialect) => {
    const int = (value: number | null) => dialect.cast(String(value ?? 'NULL'), 'long');
    const list = (entries: readonly (number | null)[] | null) =>
      entries === null
        ? dialect.castList('NULL', 'long')
        : dialect.castList(dialect.list(entries.map((entry) => String(entry ?? 'NULL'))), 'long');
    const rows = [
      [1, null, [1, null]],
      [null, 1, [1, null]],
      [1, null, [null, 1]],
      [1, null, [1]],
      [1, null, []],
      [1, null, null],
      [1, 1, null],
    ] as const;
    return [...rows, rows[0]]
      .map(([a, b, c], at) => `${dialect.rowHash([int(a), int(b)], [list(c)])} AS h${at}`)
      .join(', ');
  };
  const { answers } = await run({ queries: { hashes: `SELECT ${hashes(spark)}` } });
  const [ours] = await session.query(`SELECT ${hashes(duckDb)}`);
  for (const row of [answers['hashes']?.[0], ours]) {
    const found = Object.values(row ?? {});
    expect(found).toHaveLength(8);
    expect(new Set(found).size).toBe(7);
    expect(found[7]).toBe(found[0]);
  }
});

const cases = 300;
const length = 6;
const types = ['long', 'int', 'double', 'decimal(12,3)', 'date', 'timestamp', 'string'] as const;

/** Values that engines differ about, as DuckDB's SQL. */
const values: Readonly<Record<(typeof types)[number], readonly string[]>> = {
  long: ['NULL', '0', '-1', '9223372036854775807', '(-9223372036854775808)'],
  int: ['NULL', '7', '-2147483648', '2147483647'],
  double: ['NULL', '0.0', "'-0.0'::DOUBLE", "'nan'::DOUBLE", "'-inf'::DOUBLE", '1e300', '0.1'],
  'decimal(12,3)': ['NULL', '0', '-0.001', '999999999.999', '-999999999.999', '1.5'],
  date: ['NULL', "DATE '1969-12-31'", "DATE '2024-02-29'", "DATE '0001-01-01'", "DATE '9999-12-31'"],
  timestamp: [
    'NULL',
    "TIMESTAMP '1969-12-31 23:59:59.999999'",
    "TIMESTAMP '2026-03-29 02:30:00'",
    "TIMESTAMP '0001-01-01 00:00:00'",
  ],
  string: ['NULL', "''", "'x'", "'Ünï😀'", "'a''b\\c'", "' '", "'\u00e9'", "'e\u0301'"],
};

/** Rows of one seed: lists of every type (absent, empty, shorter and longer than H), values, positions, flags. */
async function writeCases(path: string): Promise<void> {
  const pick = <T>(source: fc.Arbitrary<T>, seed: number) => fc.sample(source, { seed, numRuns: cases });
  const columns = types.map((type, at) => {
    const one = fc.constantFrom(...values[type]);
    const list = fc.oneof(
      { weight: 6, arbitrary: fc.array(one, { minLength: length, maxLength: length }) },
      { weight: 2, arbitrary: fc.array(one, { maxLength: length + 3 }) },
    );
    const lists = pick(fc.option(list, { freq: 12 }), 100 + at);
    const sql = duckDb.type(type);
    return {
      list: lists.map((some) => (some === null ? `NULL::${sql}[]` : `[${some.join(', ')}]::${sql}[]`)),
      value: pick(one, 200 + at).map((value) => `(${value})::${sql}`),
    };
  });
  const positions = pick(fc.option(fc.integer({ min: 1, max: length + 2 }), { freq: 6 }), 300);
  const flags = pick(fc.boolean(), 301);
  const rows = Array.from({ length: cases }, (_, row) =>
    [
      `${row}`,
      ...columns.flatMap((column) => [column.list[row] ?? '', column.value[row] ?? '']),
      `${positions[row] ?? 'NULL'}::INTEGER`,
      String(flags[row]),
      `${row % 17}`,
    ].join(', '),
  );
  const names = types.flatMap((_, at) => [`l${at}`, `v${at}`]).join(', ');
  await session.execute(
    `COPY (SELECT * FROM (VALUES ${rows.map((row) => `(${row})`).join(', ')}) AS t(id, ${names}, p, f, g)) TO ${text(path)} (FORMAT parquet)`,
  );
}

/** Every construct over every type: name to expression. */
function expressions(dialect: Dialect): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [at, type] of types.entries()) {
    const list = `l${at}`;
    const value = `v${at}`;
    const column = { name: list, from: value, elementSqlType: duckDb.type(type), elementIcebergType: type };
    const edit = (position: number) => ({
      position,
      value: (old: string) => `CASE WHEN f THEN ${value} ELSE ${old} END`,
    });
    const whole = dialect.resized(list, length, type);
    Object.assign(found, {
      [`entry_${at}`]: dialect.entry(list, 2),
      [`entry_at_${at}`]: dialect.entry(list, 'p'),
      [`slice_${at}`]: dialect.slice(list, 2, 4),
      [`slice_none_${at}`]: dialect.slice(list, 3, 2),
      [`slice_at_${at}`]: dialect.slice(list, 'p', 'p + 1'),
      [`list_${at}`]: dialect.castList(dialect.list([value, 'NULL', value]), type),
      [`concat_${at}`]: dialect.concat([dialect.list([value]), list, dialect.slice(list, 2, 3)]),
      [`resized_${at}`]: whole,
      [`resized_at_${at}`]: dialect.resized(list, 'coalesce(p, 0)', type),
      [`placed_${at}`]: dialect.placed(
        whole,
        (old, place) => `CASE WHEN ${place} = p THEN ${value} ELSE ${old} END`,
      ),
      [`kept_${at}`]: dialect.kept(list, (entry) => `${entry} IS NULL OR ${entry} <> ${value}`),
      [`some_${at}`]: dialect.some(list, (entry) => `${entry} IS NOT DISTINCT FROM ${value}`),
      [`replaced_${at}`]: dialect.replaced(
        `(${whole})`,
        dialect.numbers(1, `least(coalesce(p, 1), ${length})`),
        {
          at: (place) => `(${length} + 1 - ${place})`,
          value: (place) => `CASE WHEN ${place} > 1 THEN ${value} END`,
        },
      ),
      [`length_${at}`]: `CASE WHEN ${list} IS NOT NULL THEN ${dialect.cast(dialect.length(list), 'long')} END`,
      [`position_${at}`]: `CASE WHEN ${value} IS NOT NULL THEN ${dialect.cast(dialect.position(list, value), 'long')} END`,
      [`edited_${at}`]: edited(dialect, `(${whole})`, value, [edit(1), edit(3)], length),
      [`literal_${at}`]: edited(dialect, `(${whole})`, value, [1, 2, 3, 4].map(edit), length),
      [`tail_${at}`]: tailFromNeighbours(
        dialect,
        column,
        {
          earlier: { array: list, alive: 'f', distance: 'p' },
          later: { array: list, distance: '(p + 1)' },
        },
        length,
      ),
      [`tail_later_${at}`]: tailFromNeighbours(
        dialect,
        column,
        { later: { array: list, distance: 'p' } },
        length,
      ),
      [`tail_none_${at}`]: tailFromNeighbours(dialect, column, {}, length),
      [`greatest_${at}`]: `greatest(${value}, ${dialect.entry(list, 1)})`,
      [`same_${at}`]: `${value} IS NOT DISTINCT FROM ${dialect.entry(list, 1)}`,
    });
    if (type === 'string') found[`digest_${at}`] = dialect.digestNumber(value);
    if (type === 'string' || type === 'int' || type === 'long')
      found[`grid_${at}`] = gridText(
        dialect,
        { name: 'g', history: list, placeholder: "?'\\$", separator: '|' },
        list,
      );
  }
  for (const [at, type] of types.entries())
    if (type !== 'double') found[`largest_${at}`] = dialect.largest(`l${at}`);
  return {
    ...found,
    numbers: dialect.castList(dialect.numbers(1, 'coalesce(p, 1)'), 'long'),
    quotient: dialect.cast(dialect.quotient('(id + 7)', 12), 'long'),
    month: monthTextSql(dialect, '(23988 + id)'),
    month_number: monthNumberSql(dialect, monthTextSql(dialect, '(23988 + id)')),
  };
}

function selected(dialect: Dialect): string {
  return `SELECT id, ${Object.entries(expressions(dialect))
    .map(([name, sql]) => `${sql} AS ${name}`)
    .join(', ')} FROM cases`;
}

/** Aggregates per group: lists keep NULLs, and lists of one GROUP BY are in one order. */
function grouped(dialect: Dialect): string {
  const lists = types.map((_, at) => `${dialect.collected(`v${at}`)} AS c${at}`);
  return `SELECT g, ${dialect.collected('id')} AS ids, ${lists.join(', ')}, count(*) FILTER (WHERE f) AS n, bool_or(f) AS any_f FROM cases GROUP BY g`;
}

it('every construct gives the same in DuckDB and in Spark, for every type', async () => {
  const path = `${folder}/cases.parquet`;
  await writeCases(path);
  await run({
    inputs: [{ view: 'cases', paths: [path] }],
    statements: [spark.keep('kept', grouped(spark))],
    outputs: [
      { kind: 'files', select: selected(spark), path: `${folder}/rows` },
      { kind: 'files', select: 'SELECT * FROM kept', path: `${folder}/groups` },
    ],
  });
  await session.execute(`CREATE TEMP VIEW cases AS SELECT * FROM read_parquet(${text(path)})`);
  await session.execute(`CREATE TEMP TABLE ours AS ${selected(duckDb)}`);
  await session.execute(
    `CREATE TEMP TABLE theirs AS SELECT * FROM read_parquet(${text(`${folder}/rows/*.parquet`)})`,
  );
  const [counts] = await session.query(
    'SELECT (SELECT count(*) FROM ours) AS ours, (SELECT count(*) FROM theirs) AS theirs',
  );
  expect(counts).toEqual({ ours: BigInt(cases), theirs: BigInt(cases) });
  const differing: string[] = [];
  for (const name of Object.keys(expressions(duckDb))) {
    // As text too: 0.0 and -0.0 are equal numbers.
    const rows = await session.query(
      `SELECT o.id, o.${name}::VARCHAR AS ours, t.${name}::VARCHAR AS theirs, typeof(o.${name}) AS ot, typeof(t.${name}) AS tt FROM ours AS o JOIN theirs AS t USING (id)
       WHERE o.${name} IS DISTINCT FROM t.${name} OR o.${name}::VARCHAR IS DISTINCT FROM t.${name}::VARCHAR ORDER BY id LIMIT 2`,
    );
    differing.push(
      ...rows.map(
        (row) =>
          `${name}: ${JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`,
      ),
    );
  }
  expect(differing).toEqual([]);

  const inOrder = (table: string) =>
    session.query(
      `SELECT g, n, any_f, ${types.map((_, at) => `list_transform(list_sort(list_zip(ids, c${at})), lambda e: e[2])::VARCHAR AS c${at}`).join(', ')} FROM ${table} ORDER BY g`,
    );
  await session.execute(`CREATE TEMP TABLE our_groups AS ${grouped(duckDb)}`);
  expect(await inOrder(`read_parquet(${text(`${folder}/groups/*.parquet`)})`)).toEqual(
    await inOrder('our_groups'),
  );
});
