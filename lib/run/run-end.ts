import type { RunRecord } from '../stores/ports.ts';
import { latenessOf } from './engines/deadline-facts.ts';
import { leaseName } from './intake/claim.ts';
import { layout } from './layout.ts';
import { preparedObjects } from './prepare.ts';
import { prepareStage } from './units/checkpoints.ts';
import type { RunContext, Workload, World } from './workload.ts';

/** What is left to do when a run is over. */

/** For people: by how much the run has missed its deadline. Nothing was stopped for it. */
export function noteLateness(world: World, run: RunRecord): void {
  const late = latenessOf(run, world.clock.now());
  if (late !== undefined) world.progress({ kind: 'note', runId: run.runId, text: late });
}

/** What the run has taken in is done, what it refused is quarantined, and what it did not get to is pending again. */
export async function settleIntake(context: RunContext): Promise<void> {
  const stage = { name: prepareStage, items: layout.items(context.folder, prepareStage, 0) };
  for await (const prepared of preparedObjects(context, stage)) {
    const { location, version } = prepared.item;
    const changed = prepared.reason?.startsWith('SourceChangedError') === true;
    await context.world.state.intake.settle(context.runId, [
      {
        location,
        version,
        status: changed ? 'superseded' : prepared.status === 'accepted' ? 'done' : 'quarantined',
        ...(prepared.reason === undefined ? {} : { reason: prepared.reason }),
      },
    ]);
  }
  // What was claimed after the run had listed its objects was not applied: the next run's.
  await context.world.state.intake.release(context.runId);
}

/** Maintenance by policy, in words; one that fails is told and leaves the run published. */
export async function maintainAfter(workload: Workload, context: RunContext): Promise<readonly string[]> {
  if (!context.config.maintenance.auto) return [];
  try {
    return await workload.maintain(context);
  } catch (error) {
    return [
      `maintenance failed and will be tried after the next run: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    ];
  }
}

/** Unless a later attempt holds it. */
export async function releaseLease(
  world: World,
  run: Pick<RunRecord, 'runId' | 'pipeline' | 'epoch'>,
): Promise<void> {
  const lease = await world.state.leases.current(leaseName(run.pipeline));
  if (lease?.holder === run.runId && lease.epoch === run.epoch) await world.state.leases.release(lease);
}
