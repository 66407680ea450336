import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadlineLines, movedRoute, planDeadline } from '../../lib/run/engines/deadline.ts';
import type { RoutedUnit } from '../../lib/run/engines/engine-facts.ts';
import { sparkWorkOf, type UnitLoad } from '../../lib/run/engines/unit-load.ts';
import { sparkEstimate } from '../../lib/run/spark/capacity.ts';
import type { RunContext } from '../../lib/run/workload.ts';
import { parseSummary } from '../support/pipelines.ts';
import { smallPipeline } from './fixture.ts';

const fits = { engine: 'duckdb', cause: 'fits', reason: 'fits' } as const;

/** A unit that rewrites so many million entries. */
function unit(stage: UnitLoad['stage'], millions: number): RoutedUnit {
  const volume = { units: 1, pieces: 1, readEntries: millions * 1e6, writtenEntries: millions * 1e6 };
  const held = { flowingEntries: 0, heldEntries: 0 };
  const piece = { name: 'a cell', volume, held };
  return { route: fits, load: { stage, bytes: 1e6, volume, piece, spills: false, diskBytes: 1e6 } };
}

async function contextOf(work: string, spark: 'glue' | undefined, aws = '{}') {
  const config = await parseSummary(`${smallPipeline}work: ${work}\naws: ${aws}\n`, 'p.yaml');
  return { config, world: { spark, resources: { memoryBytes: 2e9, threads: 2 } } } as RunContext;
}
const plan = (context: RunContext, routed: readonly RoutedUnit[], passedSeconds = 0) =>
  planDeadline(context, { routed, mayMove: context.world.spark !== undefined, passedSeconds });

/** Far more than one function at a time does soon, and nothing to a cluster of four runs. */
const much = Array.from({ length: 400 }, () => unit('apply', 5_000));
const slow = '{concurrency: 1, glue: {workers: 299, concurrentRuns: 50}}';

describe('the deadline of a run', () => {
  it('changes nothing where functions meet it, and the plan says what the run takes', async () => {
    const found = plan(await contextOf('{deadline: 2h}', 'glue'), [unit('resolve', 1), unit('apply', 1)]);
    expect(found).toMatchObject({ isMet: true, moved: [] });
    expect(deadlineLines(found).join()).toMatch(
      /^deadline 2h: the run takes about 2 min \d\d s and \$0\.00 for its units \(reckoned\)$/,
    );
    expect(movedRoute(found, 'apply', fits)).toBe(fits);
  });

  it('sends a stage to Spark that functions would not finish in time, and says what it would have been', async () => {
    const found = plan(await contextOf('{deadline: 2h}', 'glue', slow), [unit('resolve', 1), ...much]);
    expect(found).toMatchObject({ isMet: true, moved: ['apply'] });
    expect(deadlineLines(found).join()).toMatch(/apply by Spark; else .* and \$/);
    expect(movedRoute(found, 'apply', fits)).toMatchObject({
      engine: 'spark',
      cause: 'deadline',
      reason: expect.stringMatching(/^else the run would take \d+ h \d\d min, and work\.deadline is 2h$/),
    });
    expect(movedRoute(found, 'resolve', fits)).toBe(fits);
  });

  it('that nothing meets is a warning by name, and the quickest way is taken', async () => {
    const found = plan(await contextOf('{deadline: 1m}', 'glue', slow), much);
    expect(found).toMatchObject({ isMet: false, moved: ['apply'] });
    expect(deadlineLines(found).join()).toMatch(
      /^warning: DeadlineNotMet: work\.deadline is 1m, and the quickest way/,
    );
    const spark = sparkEstimate(sparkWorkOf(much.map(({ load }) => load)), {
      workers: 299,
      timeout: '4h',
      concurrentRuns: 50,
    });
    expect(found?.usd).toBeCloseTo(spark.usd, 6);
  });

  it('leaves the choice to the configuration, and to where Spark is', async () => {
    for (const work of ['{deadline: 2h, engine: duckdb}', '{deadline: 2h, sparkAbove: 1 TB}'])
      expect(plan(await contextOf(work, 'glue', slow), much)).toMatchObject({ isMet: false, moved: [] });
    expect(plan(await contextOf('{deadline: 1m}', undefined), much)).toMatchObject({
      isMet: false,
      moved: [],
    });
    expect(plan(await contextOf('{}', 'glue'), much)).toBeUndefined();
  });

  it('counts what has passed', async () => {
    const context = await contextOf('{deadline: 2h}', 'glue');
    expect(plan(context, [unit('apply', 1)], 7_100)).toMatchObject({ isMet: false });
  });

  it('is met by the cheapest of the ways that meet it', async () => {
    const context = await contextOf('{deadline: 2h}', 'glue', '{concurrency: 2, glue: {workers: 50}}');
    const units = fc.array(
      fc.record({ stage: fc.constantFrom('resolve' as const, 'apply' as const), millions: fc.nat(40_000) }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(units, (some) => {
        const routed = some.map(({ stage, millions }) => unit(stage, millions));
        const found = plan(context, routed);
        if (found === undefined) throw new Error('nothing was planned');
        expect(found.isMet).toBe(found.seconds <= 7_200);
        if (found.unmoved.seconds <= 7_200) expect(found.usd).toBeLessThanOrEqual(found.unmoved.usd);
        if (!found.isMet) expect(found.seconds).toBeLessThanOrEqual(found.unmoved.seconds);
      }),
    );
  });
});
