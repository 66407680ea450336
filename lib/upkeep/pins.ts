import { CorruptStateError } from '../errors.ts';
import type { DataFile } from '../iceberg/index.ts';
import { layout, sha256 } from '../run/layout.ts';
import type { OutcomeWithChanges, TableChange } from '../run/publish/table-change.ts';
import { type Handover, isHandover } from '../run/units/handovers.ts';
import type { Plan, UnitResult, World } from '../run/workload.ts';
import type { CheckpointRecord, Location, RunRecord, RunStatus } from '../stores/ports.ts';

/** Runs that end like this are never taken up again. */
const final: ReadonlySet<RunStatus> = new Set(['succeeded', 'cancelled', 'empty']);

/** Runs of any pipeline that may be resumed: unfinished or failed, and not older than the resume horizon. */
export async function resumableRuns(
  world: World,
  options: { readonly horizonMs: number; readonly except?: string },
): Promise<readonly RunRecord[]> {
  const oldest = world.clock.now() - options.horizonMs;
  const runs = await world.state.runs.list();
  return runs.filter(
    (run) => !final.has(run.status) && run.createdMs >= oldest && run.runId !== options.except,
  );
}

/** Snapshot ids that the plans of the runs are pinned to, by table name `namespace.name`. */
export async function pinnedSnapshots(
  world: World,
  runs: readonly RunRecord[],
): Promise<ReadonlyMap<string, ReadonlySet<bigint>>> {
  const pins = new Map<string, Set<bigint>>();
  for (const run of runs) {
    for (const pin of (await planOf(world, run))?.pins ?? []) {
      if (pin.snapshotId === undefined) continue;
      const ids = pins.get(pin.table) ?? new Set();
      pins.set(pin.table, ids.add(BigInt(pin.snapshotId)));
    }
  }
  return pins;
}

async function planOf(world: World, run: RunRecord): Promise<Plan | undefined> {
  const generation = Number(run.facts['planGeneration'] ?? 0);
  const location = layout.plan(layout.runFolder(world.results.root, run.runId), generation);
  if ((await world.results.head(location)) === undefined) return undefined;
  return JSON.parse(new TextDecoder().decode(await world.results.read(location))) as Plan;
}

/**
 * Files that checkpoints of the runs will publish when they are resumed.
 * @throws CorruptStateError when a checkpoint is damaged: then nobody can say which files it needs
 */
export async function checkpointedFiles(
  world: World,
  runs: readonly RunRecord[],
): Promise<ReadonlySet<Location>> {
  const locations = new Set<Location>();
  for (const run of runs) {
    for await (const record of world.state.checkpoints.list(run.runId)) {
      const outcome = await outcomeOf(world, record);
      const outcomes = isHandover(record) ? (outcome as Handover<unknown>).done : [outcome];
      for (const change of outcomes.flatMap(changesOf)) {
        for (const file of [...change.added, ...change.addedDeletes] as readonly Pick<DataFile, 'location'>[])
          locations.add(file.location);
      }
    }
  }
  return locations;
}

function changesOf(outcome: unknown): readonly TableChange[] {
  return (outcome as Partial<OutcomeWithChanges> | null)?.changes ?? [];
}

async function outcomeOf(world: World, record: CheckpointRecord): Promise<unknown> {
  const bytes = await world.results.read(record.location);
  if (sha256(bytes) !== record.digest) {
    throw new CorruptStateError(`the checkpoint ${record.location} is damaged`, {
      details: { location: record.location },
      safe: 'nothing was deleted',
      next: `partwise resume ${record.runId}`,
    });
  }
  const parsed: { readonly result: UnitResult } = JSON.parse(new TextDecoder().decode(bytes));
  return parsed.result.outcome;
}
