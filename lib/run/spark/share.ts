import type { RunRecord } from '../../stores/ports.ts';
import { addFacts } from '../run-facts.ts';
import type { RunContext } from '../workload.ts';
import { unitsCompiled } from './compiled-units.ts';
import type { SparkGroups } from './groups.ts';

/** What of a run's stage went to Spark; kept as `facts.spark` by stage. */
export interface SparkShare {
  /** Units that it was given, in any attempt. */
  readonly units: number;
}

/** Notes which units of the stage Spark was given, and as `facts.rerouted` those that were too large for a function. */
export async function noteSparkShare(
  { world, runId }: RunContext,
  stage: string,
  { rerouted }: Pick<SparkGroups, 'rerouted'>,
): Promise<void> {
  const run = await world.state.runs.get(runId);
  const share: SparkShare = { units: await unitsCompiled(world.state, runId, stage) };
  await addFacts(world, runId, {
    spark: { ...(run === undefined ? {} : sparkShares(run)), [stage]: share },
    ...(rerouted.units === 0
      ? {}
      : { rerouted: { ...(run === undefined ? {} : reroutedUnits(run)), [stage]: rerouted } }),
  });
}

export function sparkShares({ facts }: Pick<RunRecord, 'facts'>): Readonly<Record<string, SparkShare>> {
  return (facts['spark'] ?? {}) as Readonly<Record<string, SparkShare>>;
}

export function reroutedUnits({
  facts,
}: Pick<RunRecord, 'facts'>): Readonly<Record<string, SparkGroups['rerouted']>> {
  return (facts['rerouted'] ?? {}) as Readonly<Record<string, SparkGroups['rerouted']>>;
}
