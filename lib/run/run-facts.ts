import type { World } from './workload.ts';

/** Adds to what is known of a run; facts of the same name are replaced. */
export async function addFacts(
  world: Pick<World, 'state'>,
  runId: string,
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
  const run = await world.state.runs.get(runId);
  await world.state.runs.update(runId, { facts: { ...run?.facts, ...facts } });
}
