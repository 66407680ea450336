import type { RunRecord } from '../stores/ports.ts';
import type { World } from './workload.ts';

/** What is found out about a run on its way, kept with its record. */

/** Adds to what is known of a run; facts of the same name are replaced. */
export async function addFacts(
  world: Pick<World, 'state'>,
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

/** How long the run was at work until then: without what lay between a saved plan and its run, or an attempt's end and the next one. */
export function workedMs(
  { createdMs, facts }: Pick<RunRecord, 'createdMs' | 'facts'>,
  untilMs: number,
): number {
  return untilMs - createdMs - pausedMs({ facts });
}

/** Of `facts`, as `continueRun` adds it up. */
export function pausedMs({ facts }: Pick<RunRecord, 'facts'>): number {
  return Number(facts['pausedMs'] ?? 0);
}
