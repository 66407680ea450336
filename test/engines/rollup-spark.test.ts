import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RollupConfig } from '../../lib/config/index.ts';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { type PointScenario, pointScenarios } from '../generators/points.ts';
import { rollupExamples } from '../oracle/rollup-examples.ts';
import { type OracleBatch, type OracleOpenRow, rollupOracle } from '../oracle/rollup-oracle.ts';
import { openRollup } from '../rollup/product.ts';
import { stateOf } from '../rollup/state-rows.ts';
import { sparkRunner } from './runner.ts';

const runner = sparkRunner();

type Work = Partial<RollupConfig['work']>;

interface AfterBatch {
  readonly rows: readonly OracleOpenRow[];
  readonly state: Readonly<Record<string, readonly string[]>>;
  readonly counts: unknown;
}

interface Played {
  readonly after: readonly AfterBatch[];
  /** Units that Spark was given. */
  readonly units: number;
}

/** Batches from the first file on, each worked as `workOf` says. */
async function play(
  { rules, idType, batches }: PointScenario,
  seed: number,
  workOf: (index: number) => Work,
): Promise<Played> {
  let units = 0;
  const spark: SparkRunner = {
    run: (tasks, options) => {
      units += tasks.length;
      return runner.run(tasks, options);
    },
  };
  await using product = await openRollup({ rules, idType, seed, spark });
  const after: AfterBatch[] = [];
  for (const [index, batch] of batches.entries()) {
    await product.arrive(batch);
    const { run } = await product.run(batch, { work: workOf(index) });
    expect(run?.error).toBeUndefined();
    expect(run?.status).toBe('succeeded');
    const { points, windows } = (run?.facts['rollup'] ?? {}) as { points?: unknown; windows?: unknown };
    after.push({ rows: await product.rows(), state: await stateOf(product), counts: { points, windows } });
  }
  return { after, units };
}

const begun = (scenario: PointScenario): PointScenario => ({
  ...scenario,
  batches: scenario.batches.slice(scenario.batches.findIndex((batch) => batch.files.length > 0)),
});

/** Rows, state and counts after every batch are those of DuckDB, and the rows those of the oracle. */
async function expectParity(scenario: PointScenario, seed: number, workOf: (index: number) => Work) {
  const ours = await play(scenario, seed, () => ({ engine: 'duckdb' }));
  const theirs = await play(scenario, seed, workOf);
  expect(ours.units).toBe(0);
  expect(theirs.units).toBeGreaterThan(0);
  for (const [index, { rows }] of theirs.after.entries()) {
    const expected = rollupOracle(scenario.rules, scenario.batches.slice(0, index + 1));
    expect(rows).toEqual(expected.rows.map(({ batch: _, ...row }) => row));
  }
  expect(theirs.after).toEqual(ours.after);
}

const bySpark = (): Work => ({ engine: 'spark' });
/** The hash of the series is the one that Spark knows, and also DuckDB's own in every third batch. */
const byTurns = (index: number): Work =>
  ([bySpark(), { engine: 'auto', sparkAbove: '1 TB' }, bySpark(), { engine: 'duckdb' }] as const)[
    index % 4
  ] ?? {};
describe('Spark leaves the rows and the state of DuckDB, batch by batch', () => {
  it.each(exampleGroups())('for the worked examples: %s', async (_name, scenario) => {
    await expectParity(scenario, 3, bySpark);
  });

  const histories = fc
    .sample(pointScenarios({ histories: 12, maxBatches: 4, maxPoints: 25 }), { seed: 811, numRuns: 14 })
    .map(begun)
    .filter(({ batches }) => batches.length > 1)
    .slice(0, 9);

  it.each(histories.map((scenario, at) => [at, scenario] as const))(
    'for twelve histories at random, %i',
    async (at, scenario) => {
      await expectParity(scenario, at, at % 2 === 0 ? bySpark : byTurns);
    },
  );
});

/** Examples of the same rules and flushes together, each in series of its own; those that end earlier go on with empty batches. */
function exampleGroups(): readonly (readonly [name: string, scenario: PointScenario])[] {
  const flushes = (batches: readonly OracleBatch[]) =>
    batches.flatMap(({ flush }, at) => (flush ? [at] : []));
  const groups = Map.groupBy(rollupExamples, ({ rules, batches }) =>
    JSON.stringify([rules, flushes(batches)]),
  );
  return [...groups.values()].flatMap((examples) => {
    const [first] = examples;
    if (first === undefined) return [];
    const length = Math.max(...examples.map(({ batches }) => batches.length));
    const batches = Array.from({ length }, (_, batch) => ({
      batch,
      flush: first.batches[batch]?.flush ?? false,
      files: examples.flatMap((example, number) =>
        (example.batches[batch]?.files ?? []).map((file) => ({
          ...file,
          key: `${file.key}-${number}`,
          points: file.points.map((point) => ({ ...point, id: `${point.id} ${number}` })),
        })),
      ),
    }));
    const name = examples.length === 1 ? first.name : `${first.name}, and ${examples.length - 1} more`;
    return [[name, begun({ rules: first.rules, idType: 'string', batches })] as const];
  });
}
