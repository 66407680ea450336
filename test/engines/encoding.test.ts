import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { localCatalogName, openLocalWorld, runPipeline } from '../../lib/run/local/local.ts';
import { parseSummary } from '../support/pipelines.ts';
import { type Engines, enginesOn } from './driver.ts';

const yaml = `
pipeline: packed
kind: summary
columns:
  - {name: id, type: bigint}
  - {name: month, type: month}
  - {name: version, type: timestamp}
  - {name: balance, type: bigint}
  - {name: opened, type: date}
  - {name: code, type: string}
  - {name: note, type: string}
key: id
month: month
version: version
history: [{name: balance}, {name: code}, {name: opened}]
historyLength: 12
delete: {column: note}
maintenance: {auto: false}
`;
const accounts = 3_000;
const months = ['2025-10', '2025-11', '2025-12'];

let root = '';
let engines: Engines;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'partwise-encoding-'));
  const lines = months.flatMap((month, at) =>
    Array.from(
      { length: accounts },
      (_, id) =>
        `${id},${month},2026-01-01 00:00:00,${(id * 7919 + at) % 100_003},2020-01-${String((id % 28) + 1).padStart(2, '0')},c${id}-${at},`,
    ),
  );
  const path = join(root, 'drop.csv');
  await writeFile(path, `id,month,version,balance,opened,code,note\n${lines.join('\n')}\n`);
  await using world = await openLocalWorld({ root: join(root, 'w') });
  const config = await parseSummary(yaml, 'packed.yaml');
  const { run } = await runPipeline({ world, config, paths: [path] });
  expect(run?.status).toBe('succeeded');
  engines = enginesOn(join(root, 'w'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const summary = `${localCatalogName}.partwise.packed_summary`;
const encodings = async (table: string): Promise<readonly string[]> => {
  await using session = await openDuckDb({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: join(root, `work-${table}`),
  });
  const rows = await session.query(
    `SELECT DISTINCT encodings FROM parquet_metadata('${root}/w/warehouse/partwise/${table}/data/**/*.parquet')`,
  );
  return rows.map((row) => String(row['encodings']));
};

describe('delta-encoded files of the summary', () => {
  it('are what a pipeline without doubles writes; latest stays plain', async () => {
    expect((await encodings('packed_summary')).join()).toMatch(/DELTA_BINARY_PACKED/);
    expect((await encodings('packed_latest')).join()).not.toMatch(/DELTA/);
  });

  it('are read by Spark, scalars alone and with their arrays', async () => {
    const scalars = await engines.spark(
      `SELECT count(*) AS n, sum(id) AS ids, sum(balance) AS balances, count(note) AS notes, count(DISTINCT code) AS codes, CAST(max(opened) AS string) AS opened FROM ${summary}`,
    );
    const balances = months.flatMap((_, at) =>
      Array.from({ length: accounts }, (_unused, id) => (id * 7919 + at) % 100_003),
    );
    expect(scalars).toEqual([
      {
        n: accounts * 3,
        ids: (3 * accounts * (accounts - 1)) / 2,
        balances: balances.reduce((a, b) => a + b, 0),
        notes: 0,
        codes: accounts * 3,
        opened: '2020-01-28',
      },
    ]);
    const arrays = await engines.spark(
      `SELECT balance_history, code_history FROM ${summary} WHERE id = 17 AND month = '2025-12'`,
    );
    const nulls = Array.from({ length: 9 }, () => null);
    expect(arrays).toEqual([
      {
        balance_history: [2, 1, 0].map((at) => (17 * 7919 + at) % 100_003).concat(nulls as never),
        code_history: ['c17-2', 'c17-1', 'c17-0', ...nulls],
      },
    ]);
  });

  it('are read by pyiceberg', async () => {
    const rows = await engines.pyiceberg('partwise.packed_summary', { filter: "month = '2025-11'" });
    expect(rows.length).toBe(accounts);
    expect(rows.reduce((sum, row) => sum + Number(row['id']), 0)).toBe((accounts * (accounts - 1)) / 2);
  });

  it("need the table's property: without it Spark's vectorized reader gives up on scalars", async () => {
    await engines.spark(
      `ALTER TABLE ${summary} SET TBLPROPERTIES ('read.parquet.vectorization.enabled' = 'true')`,
    );
    await expect(engines.spark(`SELECT count(note) AS n, sum(id) AS ids FROM ${summary}`)).rejects.toThrow(
      /vectorized reads/,
    );
    await engines.spark(
      `ALTER TABLE ${summary} SET TBLPROPERTIES ('read.parquet.vectorization.enabled' = 'false')`,
    );
  });
});
