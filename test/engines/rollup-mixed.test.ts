import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { SparkUnitError } from '../../lib/errors.ts';
import { verifyTables } from '../../lib/rollup/audit/verify-tables.ts';
import { batchesOf, expectOracle } from '../rollup/checks.ts';
import { openRollup, type RollupProduct } from '../rollup/product.ts';
import { batchOf, pointAt, threeBatches } from '../rollup/scenario.ts';
import { sparkRunner } from './runner.ts';

const runner = sparkRunner();
/** Units that Spark has been given. */
let given = 0;
/** Makes the next run of Spark end before it has begun. */
let dies = false;
const spark: SparkRunner = {
  run: async (tasks, options) => {
    given += tasks.length;
    if (!dies) return runner.run(tasks, options);
    dies = false;
    throw new SparkUnitError('the Spark process ended', { safe: 'nothing of the unit is referenced' });
  },
};

/** A series of the part, of three. */
function seriesOf(part: number): string {
  const names = Array.from({ length: 50 }, (_, at) => `series ${at}`);
  const partOf = (name: string) =>
    Number.parseInt(createHash('md5').update(name).digest('hex').slice(0, 7), 16) % 3;
  return names.find((name) => partOf(name) === part) ?? '';
}

/** Two points a second of a series of the first part, and three of one of the last part. */
const batches = [0, 1, 2].map((batch) =>
  batchOf(batch, [
    ...Array.from({ length: 600 }, (_, at) => pointAt(batch * 300 + at / 2, (at * 7) % 23, seriesOf(0))),
    ...[10, 70, 290].map((second) => pointAt(batch * 300 + second, second, seriesOf(2))),
  ]),
);

/** The unit of the first part reads some 30 KB, that of the last part little more than its state. */
const work = { sparkAbove: '15 KB', unitPoints: 400 };
const open = () => openRollup({ rules: threeBatches.rules, seed: 1, spark, document: { work } });

async function expectHolds(product: RollupProduct): Promise<void> {
  const { checks } = await verifyTables(product.world, product.config);
  expect(checks.filter(({ passed }) => !passed)).toEqual([]);
}

it('a batch with units of both engines is one commit, and the next goes on from their state', async () => {
  await using product = await open();
  for (const [index, batch] of batches.entries()) {
    given = 0;
    await product.arrive(batch);
    const { run, plan } = await product.run(batch);
    expect(run?.error).toBeUndefined();
    expect(plan?.explanation).toContain(
      'engine: 1 of 2 units of rollup by Spark (above work.sparkAbove (15 KB)), all else by DuckDB',
    );
    expect(given).toBe(1);
    await expectOracle(product, batches, index + 1);
  }
  expect(await batchesOf(product)).toEqual(['0', '1', '2']);
  await expectHolds(product);
});

it('a batch whose Spark ended goes on with a resume, and does the unit once', async () => {
  await using product = await open();
  const [first] = batches;
  if (first === undefined) throw new TypeError('there is a first batch');
  await product.arrive(first);
  dies = true;
  const { run } = await product.run(first);
  expect(run?.status).toBe('failed');
  expect(run?.error?.name).toBe('SparkUnitError');
  expect(await batchesOf(product).catch(() => [])).toEqual([]);
  const resumed = await product.resume(String(run?.runId));
  expect(resumed.run?.error).toBeUndefined();
  await expectOracle(product, batches, 1);
  await expectHolds(product);
});
