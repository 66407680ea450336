import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parsePipeline } from '../../lib/config/index.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import type { SqlRow } from '../../lib/engine/engine.ts';
import { countPrepared, preparedCounts } from '../../lib/rollup/prepare/counts.ts';
import { pointColumns } from '../../lib/rollup/sql/points.ts';
import { seriesLabels } from '../../lib/rollup/sql/prepared.ts';

const endMs = 1_000_000;
const parts = 1;

/** Rows as [series, milliseconds before the end, value, label]. */
type Row = readonly [id: string | null, ageMs: number | null, v: number | null, label: string | null];

async function count(rows: readonly Row[], inTime: string) {
  const config = await parsePipeline(
    "pipeline: p\nkind: rollup\nresolutions: [1m]\nbatches: { start: '2026-01-01T00:00:00Z', every: 1h }\nlateness: 1m\n",
    'p.yaml',
  );
  if (config.kind !== 'rollup') throw new TypeError('not a rollup');
  const columns = pointColumns(config).slice(0, 4);
  const folder = await mkdtemp(join(tmpdir(), 'partwise-counts-'));
  const text = (value: string | null) => (value === null ? 'NULL' : `'${value}'`);
  const values = rows.map(
    ([id, age, v, label], at) =>
      `(${at + 1}, ${text(id)}, ${age === null ? 'NULL' : endMs - age}, ${v}, ${text(label)})`,
  );
  try {
    await using session = await openDuckDb({ memoryBytes: 2 ** 28, threads: 2, workFolder: folder });
    await session.execute(
      'CREATE TEMP TABLE given (pw_row INTEGER, id VARCHAR, ts BIGINT, v BIGINT, l0 VARCHAR)',
    );
    for (const value of values) await session.execute(`INSERT INTO given VALUES ${value}`);
    const counted = await countPrepared({ session, rows: 'FROM given', columns, inTime, watermarkMs: endMs });
    if (counted.isFaulty) return { counted, labels: [], cells: [], lateness: [] };
    const labels: readonly SqlRow[] = await session.query(seriesLabels(columns, { parts }));
    return { counted, labels, ...(await preparedCounts(session, { parts })) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('points are counted by how long before the end of the batch they lie, each border belonging to the longer one', async () => {
  const ages = [-1_001, -1_000, -1, 0, 999, 1_000, 1_001, 9_999, 10_000, 59_999, 60_000, 3e12];
  const { lateness } = await count(
    ages.map((age) => ['a', age, 1, 'x'] as const),
    'true',
  );
  expect(lateness).toEqual([
    [-1, 3],
    [0, 2],
    [1_000, 3],
    [10_000, 2],
    [60_000, 1],
    [30 * 86_400_000, 1],
  ]);
});

test('a series has the labels of its first point that is in time, and counts without those that are not', async () => {
  const rows: readonly Row[] = [
    ['a', 500, 1, 'late'],
    ['a', 90, 2, 'first'],
    ['b', 400, 3, 'never'],
    ['a', 80, 4, 'second'],
    ['c', 10, 5, null],
  ];
  const late = await count(rows, `ts > ${endMs - 100}`);
  expect(late.counted).toEqual({ isFaulty: false, newestMs: endMs - 10 });
  expect(late.labels).toEqual([
    { part: 0, id: 'a', l0: 'first', q: 2, n: 2n },
    { part: 0, id: 'c', l0: null, q: 5, n: 1n },
  ]);
  expect(late.cells).toEqual([[0, 0, 5, 2]]);
  const all = await count(rows, `ts > ${endMs - 1_000}`);
  expect(all.labels.map(({ id, l0, n }) => [id, l0, n])).toEqual([
    ['a', 'late', 3n],
    ['b', 'never', 1n],
    ['c', null, 1n],
  ]);
  expect(all.cells).toEqual([[0, 0, 5, 0]]);
});

test.each([
  ['no series', [null, 1, 1, 'x']],
  ['no time', ['a', null, 1, 'x']],
  ['no value', ['a', 1, null, 'x']],
  ['a time that no reader can show', ['a', -9_000_000_000_000_000, 1, 'x']],
] as const)('a row with %s is found, whether its time counts or not', async (_name, row) => {
  for (const inTime of ['true', `ts < ${endMs - 50}`]) {
    const { counted } = await count([['a', 5, 1, 'x'], row, ['a', 60, 1, 'x']], inTime);
    expect(counted.isFaulty).toBe(true);
  }
});

test('no rows are no fault', async () => {
  expect(await count([], 'true')).toEqual({
    labels: [],
    counted: { isFaulty: false, newestMs: null },
    cells: [],
    lateness: [],
  });
});
