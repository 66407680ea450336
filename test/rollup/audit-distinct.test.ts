import { expect, test } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { auditDistinct } from '../../lib/rollup/audit/distinct.ts';
import { findings } from '../../lib/rollup/audit/findings.ts';

/** 100 windows of 10 ms with 20 points each, of which every fourth is there twice. */
const points = `SELECT 's' || (i % 3) AS id, i // 2 AS ts, i AS v, i AS q FROM range(1, 2001) AS r(i)
  UNION ALL SELECT 's' || (i % 3), i // 2, i + 7, i + 5000 FROM range(1, 2001, 4) AS r(i)`;
const rows = `SELECT 10 AS resolution, ts + (10 - ts % 10) % 10 AS w, count(*) AS n, CAST(sum(v) AS DECIMAL(38,0)) AS s
  FROM (SELECT id, ts, arg_max(v, q) AS v FROM (${points}) GROUP BY id, ts) GROUP BY ALL`;

async function differences(counted: number, published: string): Promise<readonly string[]> {
  await using session = await openDuckDb({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${import.meta.dirname}/../../.cache/audit-distinct-${counted}-${published.length}`,
  });
  const none = 'SELECT id, ts, v FROM points_in WHERE false';
  for (const [name, select] of [
    ['points_in', points],
    ['published', published],
    ['hot_before', none],
    ['hot_after', none],
    ['part_before', 'FROM published WHERE false'],
    ['part_after', 'FROM published WHERE false'],
  ] as const)
    await session.execute(`CREATE TEMP VIEW ${name} AS ${select}`);
  const found = findings();
  await auditDistinct(
    {
      session,
      findings: found,
      rules: { duplicates: 'last' },
      context: { runId: 'run' },
      sample: { series: 0, points: 0, counted },
    },
    10,
    2_500n,
  );
  const [check] = found.report({}).checks;
  return [`${check?.checked}`, check?.detail ?? ''];
}

test('a small batch is counted as a whole, of a large one some windows next to each other', async () => {
  const [whole, nothing] = await differences(10_000, rows);
  expect([whole, nothing]).toEqual(['2000', '']);
  const [some, none] = await differences(100, rows);
  expect(Number(some)).toBeGreaterThanOrEqual(20);
  expect(Number(some)).toBeLessThanOrEqual(120);
  expect(none).toBe('');
});

test('a point too many in each window is found, whichever are looked at', async () => {
  const spoilt = `SELECT * REPLACE (n + 1 AS n) FROM (${rows})`;
  for (const counted of [10_000, 100]) {
    const [, detail] = await differences(counted, spoilt);
    expect(detail).toMatch(/count/);
  }
});

test('a duplicate that won although it lost is found by the sum', async () => {
  const first = rows.replace('arg_max(v, q)', 'arg_min(v, q)');
  for (const counted of [10_000, 100]) {
    const [, detail] = await differences(counted, first);
    expect(detail).toMatch(/sum/);
  }
});
