import type { SparkGroups } from './spark-groups.ts';
import type { RunContext, World } from './workload.ts';

/** What is found out about a run on its way, kept with its record. */

export async function addFacts(
  world: World,
  runId: string,
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
  const run = await world.state.runs.get(runId);
  await world.state.runs.update(runId, { facts: { ...run?.facts, ...facts } });
}

/** Notes how long a step took that has no checkpoint of its own: `facts.times`. */
export async function addTimes(world: World, runId: string, step: string, startedMs: number): Promise<void> {
  const times = (await world.state.runs.get(runId))?.facts['times'];
  await addFacts(world, runId, {
    times: { ...(times ?? {}), [step]: { startedMs, endedMs: world.clock.now() } },
  });
}

/** Units that were too large for a function: they were done all the same, and whoever looks at the run should know. */
export async function addRerouted(
  { world, runId }: RunContext,
  stage: string,
  rerouted: SparkGroups['rerouted'],
): Promise<void> {
  const before = (await world.state.runs.get(runId))?.facts['rerouted'];
  await addFacts(world, runId, { rerouted: { ...(before ?? {}), [stage]: rerouted } });
}
