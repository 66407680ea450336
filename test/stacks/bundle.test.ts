import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundleFunctions } from '../../lib/stacks/function-code.ts';
import { loadSummary } from '../support/pipelines.ts';

const accounts = await loadSummary('pipelines/accounts.yaml');
const folder = mkdtempSync(join(tmpdir(), 'partwise-bundle-'));
bundleFunctions(folder, accounts);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const names = ['trigger', 'intake', 'plan', 'work', 'audit', 'publish', 'report', 'reap'];
const files = () =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => ({ path, size: statSync(join(folder, path)) }))
    .filter(({ size }) => size.isFile())
    .map(({ path, size }) => ({ path, bytes: size.size }));
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const elfAarch64 = 0xb7;

describe('the bundle of the functions', () => {
  it('has a module for each handler and the configuration that was checked', () => {
    const found = files().map(({ path }) => path);
    expect(found).toEqual(expect.arrayContaining(names.map((name) => `${name}.mjs`)));
    expect(JSON.parse(readFileSync(join(folder, 'pipeline.json'), 'utf8'))).toEqual(accounts);
  });

  it('has DuckDB for arm64 Linux with glibc, and no other binary', () => {
    const native = files().filter(({ path }) => /\.(node|so)$/.test(path));
    expect(native.map(({ path }) => path.split('/').at(-1)).sort()).toEqual(['duckdb.node', 'libduckdb.so']);
    for (const { path } of native) {
      expect(path).toContain('node-bindings-linux-arm64/');
      const header = readFileSync(join(folder, path)).subarray(0, 20);
      expect([header.subarray(0, 4).toString('latin1'), header.readUInt16LE(18)]).toEqual([
        '\x7fELF',
        elfAarch64,
      ]);
    }
  });

  it('stays under the limit of an unpacked function', () => {
    const unpacked = files().reduce((sum, { bytes }) => sum + bytes, 0);
    const own = files().filter(({ path }) => path.endsWith('.mjs'));
    console.log(
      `bundle: ${mebibytes(unpacked)} of 250 MiB unpacked; ${own.length} modules with ${mebibytes(own.reduce((sum, { bytes }) => sum + bytes, 0))}`,
    );
    expect(unpacked).toBeLessThan(250 * 2 ** 20);
  });

  it('can be loaded and refuses what is no payload, with the machine’s own DuckDB in place of the other', () => {
    rmSync(join(folder, 'node_modules'), { recursive: true });
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    const script = `
      for (const name of ${JSON.stringify(names)}) {
        const { handler } = await import('${folder}/' + name + '.mjs');
        const error = await handler('text', { getRemainingTimeInMillis: () => 9e5 }).catch((caught) => caught);
        console.log(name, error.name);
      }`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: {
        ...process.env,
        POWERTOOLS_LOG_LEVEL: 'SILENT',
        POWERTOOLS_METRICS_NAMESPACE: 'Partwise',
        POWERTOOLS_TRACE_ENABLED: 'false',
      },
    });
    const lines = output.split('\n').filter((line) => /^\w+ \w+$/.test(line));
    expect(lines).toEqual(names.map((name) => `${name} MalformedEventError`));
  });
});
