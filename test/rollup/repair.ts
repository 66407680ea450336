import { join } from 'node:path';
import { expect } from 'vitest';
import { text } from '../../lib/engine/sql.ts';
import { newestBatch } from '../../lib/rollup/batch.ts';
import { readState, type StateFile } from '../../lib/rollup/state/state.ts';
import { intakeFiles } from '../../lib/run/intake/intake.ts';
import { type RunOutcome, repairPoints } from '../../lib/run/local/local.ts';
import { writePointFile } from '../generators/point-files.ts';
import type { PointScenario } from '../generators/points.ts';
import { type OracleBatch, type OracleRepair, rollupOracle } from '../oracle/rollup-oracle.ts';
import { type OracleState, type StatePoint, stateOf } from '../oracle/rollup-state-of.ts';
import { tableOf } from './checks.ts';
import type { RollupProduct } from './product.ts';

let files = 0;

/** Takes the repair's points in as one file, and repairs with it and with what was too late. */
export async function repair(
  product: RollupProduct,
  { lateFrom, points }: OracleRepair,
  options: { readonly idType?: PointScenario['idType'] } = {},
): Promise<RunOutcome> {
  const { world, config } = product;
  const also = points.length === 0 ? [] : [await takeIn(product, points, options)];
  const newest = newestBatch(await tableOf(product), 'main');
  const late = lateFrom === undefined ? {} : { late: { from: lateFrom, to: newest?.batch ?? 0 } };
  return await repairPoints({ world, config, repair: { ...late, also } });
}

async function takeIn(
  product: RollupProduct,
  points: OracleRepair['points'],
  { idType = 'string' }: { readonly idType?: PointScenario['idType'] },
) {
  const { world, config, root } = product;
  files += 1;
  const path = join(root, 'drops', `repair-${files}.parquet`);
  const timeType = config.points.time.type === 'bigint' ? 'bigint' : 'timestamp';
  await writePointFile(path, { points, idType, timeType, format: 'parquet', seed: files });
  await intakeFiles({
    world,
    config,
    stagingPath: world.stagingPath,
    paths: [path],
    branch: 'main',
    again: false,
  });
  for await (const item of world.state.intake.list(config.pipeline, { status: 'pending' }))
    if (item.location.endsWith(`/repair-${files}.parquet`)) return item;
  throw new TypeError(`${path} was not taken in`);
}

/** Rows, what is open, and every row of the state are the oracle's. */
export async function expectState(product: RollupProduct, batches: readonly OracleBatch[]): Promise<void> {
  const oracle = rollupOracle(product.rules, batches);
  expect(await product.rows()).toEqual(oracle.rows.map(({ batch: _, ...row }) => row));
  expect(await product.open()).toEqual(oracle.open);
  const { hot, tails, part } = stateOf(product.rules, oracle);
  // Estimates come with the row, when it is published.
  const kept = part.map(({ estimates: _, ...row }) => row);
  expect(await storedState(product)).toEqual({ hot, tails, part: kept });
}

/** The newest state's rows; of files that were carried over without those that nobody continues. */
async function storedState(product: RollupProduct): Promise<OracleState> {
  const { world, rules } = product;
  const newest = newestBatch(await tableOf(product), 'main');
  if (newest === undefined) throw new TypeError('no batch');
  const state = await readState(world.warehouse, newest);
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/read-state`,
  });
  const rowsOf = async (stateFiles: readonly StateFile[], order: string) => {
    const rows = [];
    for (const { location } of stateFiles)
      rows.push(
        ...(await session.query(
          `SELECT *, CAST(id AS VARCHAR) AS name FROM read_parquet(${text(await world.warehouse.localPath(location))}) ${order}`,
        )),
      );
    return rows;
  };
  const nullable = (value: unknown) => (value === null ? null : String(value));
  const labels = (row: Readonly<Record<string, unknown>>) => ({
    orgId: nullable(row['l1']),
    metric: nullable(row['l2']),
    shardId: Number(row['l0']),
  });
  const point = (row: Readonly<Record<string, unknown>>): StatePoint => ({
    id: String(row['name']),
    timeMs: Number(row['ts']),
    value: BigInt(String(row['v'])),
    ...labels(row),
  });
  const bytes = (value: string) => Buffer.from(value);
  const byId = (a: StatePoint, b: StatePoint) =>
    Buffer.compare(bytes(a.id), bytes(b.id)) || a.timeMs - b.timeMs;
  const closedMs = state.closedThroughMs ?? Number.NEGATIVE_INFINITY;
  const big = (value: unknown) => BigInt(String(value));
  return {
    hot: (await rowsOf(state.hot, '')).map(point).sort(byId),
    tails: (await rowsOf(state.tails, ''))
      .map(point)
      .filter(({ timeMs }) => closedMs - timeMs < (rules.maxGapMs ?? Number.POSITIVE_INFINITY))
      .sort(byId),
    part: (await rowsOf(state.part, ''))
      .map((row) => ({
        resolutionMs: Number(row['resolution']),
        windowMs: Number(row['w']),
        id: String(row['name']),
        ...labels(row),
        count: big(row['n']),
        sum: big(row['s']),
        min: big(row['mn']),
        max: big(row['mx']),
        firstMs: Number(row['ft']),
        firstValue: big(row['fv']),
        lastMs: Number(row['lt']),
        lastValue: big(row['lv']),
        increase: big(row['inc']),
        resets: big(row['rs']),
        ...(rules.quantiles === undefined ? {} : { sketch: pairs(row['sk'], row['sc']) }),
      }))
      .sort(
        (a, b) =>
          a.resolutionMs - b.resolutionMs ||
          a.windowMs - b.windowMs ||
          Buffer.compare(bytes(a.id), bytes(b.id)),
      ),
  };
}

function pairs(buckets: unknown, counts: unknown): readonly (readonly [number, bigint])[] {
  const [keys, values] = [buckets as readonly unknown[], counts as readonly unknown[]];
  return keys.map((key, at) => [Number(key), BigInt(String(values[at]))]);
}
