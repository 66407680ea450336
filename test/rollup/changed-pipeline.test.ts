import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replayBatches } from '../../lib/cli/replay.ts';
import { verifyTables } from '../../lib/rollup/audit/verify-tables.ts';
import type { OracleBatch } from '../oracle/rollup-oracle.ts';
import type { QuantileRules } from '../oracle/sketch-oracle.ts';
import { expectOracle, rollUpTo, tableOf } from './checks.ts';
import { openRollup, type RollupProduct } from './product.ts';
import { threeBatches } from './scenario.ts';

const { rules, batches } = threeBatches;
const [first, second, third] = batches;

/** Runs what is before, by default the first batch, then the rest with other sections in the pipeline's document. */
async function changed(
  document: Readonly<Record<string, unknown>>,
  next: (product: RollupProduct) => Promise<void>,
  before: readonly OracleBatch[] = [first],
  quantiles?: QuantileRules,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'partwise-changed-'));
  try {
    {
      await using product = await openRollup({ rules: { ...rules, quantiles }, root });
      await rollUpTo(product, before);
    }
    await using product = await openRollup({ rules, root, document });
    await next(product);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** A table with the first batch, for what is refused and so leaves it as it is. */
let made: string;
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'partwise-made-'));
  await using product = await openRollup({ rules, root: made });
  await rollUpTo(product, [first]);
});
afterAll(() => rm(made, { recursive: true, force: true }));

/** Lets the second batch arrive and run with other sections in the pipeline's document. */
async function refused(
  document: Readonly<Record<string, unknown>>,
  root: string,
  message: string,
  next: (product: RollupProduct) => Promise<void> = async () => {},
): Promise<void> {
  await using product = await openRollup({ rules, root, document });
  await product.arrive(second);
  await expect(product.run(second)).rejects.toMatchObject({
    name: 'ConfigError',
    message: expect.stringContaining(message),
  });
  await next(product);
  expect(await product.world.state.runs.list('metrics', 10)).toHaveLength(1);
}

async function unreadable(product: RollupProduct): Promise<void> {
  await expect(product.open()).rejects.toMatchObject({ name: 'ConfigError' });
  await expect(verifyTables(product.world, product.config)).rejects.toMatchObject({ name: 'ConfigError' });
}

const time = { type: 'timestamp' };
const series = { type: 'string' };

const wasMade =
  'was made with metric_shard_id int, id string, org_id string, metric string, the pipeline says ';

test.each([
  [
    'labels in another order',
    { labels: [{ name: 'metric' }, { name: 'org_id' }] },
    'metric_shard_id int, id string, metric string, org_id string;',
  ],
  [
    'another label',
    { labels: [{ name: 'org_id' }, { name: 'metric' }, { name: 'zone' }] },
    'metric_shard_id int, id string, org_id string, metric string, zone string;',
  ],
  ['a label less', { labels: [{ name: 'org_id' }] }, 'metric_shard_id int, id string, org_id string;'],
  [
    'a label of another type',
    { labels: [{ name: 'org_id' }, { name: 'metric', type: 'bigint' }] },
    'metric_shard_id int, id string, org_id string, metric long;',
  ],
  [
    'another name of the series',
    { series: { ...series, name: 'sid' } },
    'metric_shard_id int, sid string, org_id string, metric string;',
  ],
  [
    'another type of the series',
    { series: { type: 'bigint' } },
    'metric_shard_id int, id long, org_id string, metric string;',
  ],
  [
    'another name of the shard',
    { shard: { name: 'shard' } },
    'shard int, id string, org_id string, metric string;',
  ],
])('a pipeline with %s than the table is refused by name before a run begins', (_, points, message) =>
  refused({ points: { series, time, ...points } }, made, wasMade + message, unreadable),
);

const within1 = { accuracyMillionths: 10_000, millionths: [500_000, 990_000] };

test('a pipeline that asks for quantiles where the table has none is refused by name', () =>
  refused(
    { quantiles: {} },
    made,
    'was made with none, the pipeline says 0.5, 0.95, 0.99 within 0.01;',
    unreadable,
  ));

test('a pipeline that asks for other quantiles than the table has is refused by name', async () => {
  const root = await mkdtemp(join(tmpdir(), 'partwise-quantiles-'));
  try {
    {
      await using product = await openRollup({ rules: { ...rules, quantiles: within1 }, root });
      await rollUpTo(product, [first]);
    }
    for (const [asked, message] of [
      [null, 'was made with 0.5, 0.99 within 0.01, the pipeline says none;'],
      [{ values: [0.5] }, 'the pipeline says 0.5 within 0.01;'],
      [{ relativeAccuracy: 0.02, values: [0.5, 0.99] }, 'the pipeline says 0.5, 0.99 within 0.02;'],
    ] as const)
      await refused({ quantiles: asked }, root, message, unreadable);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('the order in which quantiles are named does not matter', () =>
  changed(
    { quantiles: { values: [0.99, 0.5] } },
    async (product) => {
      await rollUpTo(product, [second]);
      await expectOracle({ ...product, rules: { ...rules, quantiles: within1 } }, [first, second]);
    },
    [first],
    within1,
  ));

test.each([
  ['an earlier start', { start: '2025-12-31T00:00:00Z', every: '5m' }],
  ['a later start', { start: '2026-01-01T00:01:00Z', every: '5m' }],
  ['a shorter length', { start: '2026-01-01T00:00:00Z', every: '1m' }],
  ['a longer length', { start: '2026-01-01T00:00:00Z', every: '1d' }],
])('batches with %s, which the newest one does not fit, are refused', (_, changedBatches) =>
  refused(
    { batches: changedBatches },
    made,
    'batch 0 of partwise.metrics_rollups ends at 2026-01-01T00:05:00.000Z',
  ),
);

test('the length of batches can change when the start moves so that the newest one ends when it did', () =>
  changed({ batches: { start: '2025-12-31T23:55:00Z', every: '10m' } }, async (product) => {
    await product.arrive(second);
    await product.arrive(third);
    const { run } = await product.run(third);
    expect(run?.status).toBe('succeeded');
    expect(run?.facts['rollup']).toMatchObject({ batch: 1, watermarkMs: rules.startMs + 900_000 });
    await expectOracle(product, [first, { ...third, batch: 2, files: [...second.files, ...third.files] }]);
  }));

test('a replay with other labels is refused before it has a branch', () =>
  changed(
    { points: { series, time, labels: [{ name: 'metric' }, { name: 'org_id' }] } },
    async (product) => {
      const { world, config } = product;
      await expect(replayBatches({ world, config, from: 1, branch: 'again' })).rejects.toMatchObject({
        name: 'ConfigError',
      });
      expect(Object.keys((await tableOf(product)).metadata.refs)).not.toContain('again');
    },
    [first, second],
  ));

test('a replay of the very first batch is refused as that', async () => {
  await using product = await openRollup({ rules });
  await rollUpTo(product, [first]);
  const { world, config } = product;
  await expect(replayBatches({ world, config, from: 0, branch: 'again' })).rejects.toMatchObject({
    name: 'PinnedSnapshotExpiredError',
    message: expect.stringContaining('it is the first one'),
  });
});
