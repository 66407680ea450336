import type { RollupConfig } from '../../config/schema.ts';
import { parseDurationMs } from '../../config/sizes.ts';
import { CorruptStateError, ObjectNotFoundError } from '../../errors.ts';
import type { Table } from '../../iceberg/index.ts';
import { batchOf } from '../../run/intake/batches.ts';
import type { World } from '../../run/workload.ts';
import { normalizeLocation } from '../../stores/location.ts';
import type { Location, ObjectInfo, ObjectStore, RunRecord } from '../../stores/ports.ts';
import { type MaintainOptions, orphanLines } from '../../upkeep/maintain.ts';
import { resumableRuns } from '../../upkeep/pins.ts';
import { findTable } from '../batch.ts';
import { tableIdentifier } from '../tables.ts';
import { allDeadLetters, stateFolder } from './folder.ts';
import { livingStates } from './living-states.ts';
import { batchKeys, type CommittedBatch, type RollupState, stateObject } from './state.ts';

/**
 * Removes what no batch can come back to: states that have had a successor for `state.keepFor`, files of attempts that
 * lost, and dead letters older than the resume horizon. Stays, whatever its age: the state of the newest batch of main
 * and of every other branch and tag, what unfinished runs stand on and what they wrote, every file that a state that
 * stays names, and what is younger than `maintenance.graceForOrphans`. All is decided before the first is deleted.
 * @throws CorruptStateError when a state that stays cannot be read: then nobody can say which files it needs
 */
export async function reapState(
  world: World,
  config: RollupConfig,
  options: Pick<MaintainOptions, 'apply' | 'publishedRunId'>,
): Promise<readonly string[]> {
  const apply = options.apply === true;
  const { namespace, name } = tableIdentifier(config);
  const lines: string[] = [];
  const kinds = [
    ['state', await unneeded(world, config, options.publishedRunId)],
    ['dead_letters', await oldDeadLetters(world, config)],
  ] as const;
  for (const [kind, found] of kinds) {
    // A state's list goes before its files: what is left of it by a crash is not taken for a state.
    const ordered = [...found].sort((a, b) => rank(a) - rank(b) || (a.location < b.location ? -1 : 1));
    if (apply) for (const { location } of ordered) await world.warehouse.delete(location);
    const orphans = {
      files: found.length,
      sizeBytes: found.reduce((sum, one) => sum + one.sizeBytes, 0),
      examples: ordered.slice(0, 20).map((one) => one.location),
    };
    lines.push(...orphanLines(`${namespace}.${name}_${kind}`, orphans, apply));
  }
  return lines;
}

function rank({ location }: ObjectInfo): number {
  return stateObject.test(location) ? 0 : 1;
}

async function unneeded(
  world: World,
  config: RollupConfig,
  publishedRunId: string | undefined,
): Promise<readonly ObjectInfo[]> {
  const now = world.clock.now();
  const keepForMs = parseDurationMs(config.state.keepFor);
  const youngMs = now - parseDurationMs(config.maintenance.graceForOrphans);
  // Listed first, then the runs, then the table: what is published meanwhile is seen by one of them.
  const objects = await listed(world.warehouse, stateFolder({ world, config }));
  const runs = await resumableRuns(world, {
    horizonMs: parseDurationMs(config.resumeHorizon),
    ...(publishedRunId === undefined ? {} : { except: publishedRunId }),
  });
  const table = await findTable(world, config);
  if (table === undefined) return [];
  const roots = [
    ...livingStates(table, { now, keepForMs }),
    ...runs.flatMap((run) => (batchOf(run)?.previous as CommittedBatch | null | undefined)?.state ?? []),
    ...unnamedStates(table, objects, now - keepForMs),
  ];
  const needed = new Set<Location>();
  for (const root of new Set(roots.map(normalizeLocation))) {
    const state = await stateAt(world.warehouse, root);
    if (state === undefined) continue;
    needed.add(root);
    needed.add(committedRecord(root, state.runId));
    for (const file of [...state.hot, ...state.tails, ...state.part])
      needed.add(normalizeLocation(file.location));
  }
  return objects.filter(
    ({ location, modifiedMs }) =>
      modifiedMs < youngMs && !needed.has(normalizeLocation(location)) && !isOfRun(location, runs),
  );
}

/** States that no snapshot names any more, or not yet: nobody knows when they had a successor, so they age from when they were written. */
function unnamedStates(table: Table, objects: readonly ObjectInfo[], sinceMs: number): readonly Location[] {
  const named = new Set(
    table.metadata.snapshots.flatMap(({ summary }) => normalizeLocation(summary[batchKeys.state] ?? '')),
  );
  return objects
    .filter(({ location, modifiedMs }) => stateObject.test(location) && modifiedMs >= sinceMs)
    .map(({ location }) => location)
    .filter((location) => !named.has(normalizeLocation(location)));
}

/** What the committer keeps beside the files that it has published. */
function committedRecord(state: Location, runId: string): Location {
  return `${state.slice(0, state.lastIndexOf('/'))}/_committed/${runId}.jsonl`;
}

function isOfRun(location: Location, runs: readonly RunRecord[]): boolean {
  return runs.some(({ runId }) => new RegExp(`/b\\d+-${runId}/`).test(location));
}

/** Undefined when it is gone, as an earlier clean-up left it; then its files are nobody's. */
async function stateAt(store: ObjectStore, location: Location): Promise<RollupState | undefined> {
  try {
    const state = JSON.parse(new TextDecoder().decode(await store.read(location))) as RollupState;
    if (state.formatVersion === 1) return state;
  } catch (cause) {
    if (cause instanceof ObjectNotFoundError) return undefined;
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw new CorruptStateError(`the state ${location} cannot be read`, {
    details: { location },
    safe: 'nothing was deleted',
  });
}

async function oldDeadLetters(world: World, config: RollupConfig): Promise<readonly ObjectInfo[]> {
  const oldMs = world.clock.now() - parseDurationMs(config.resumeHorizon);
  const objects = await listed(world.warehouse, allDeadLetters({ world, config }));
  return objects.filter(({ modifiedMs }) => modifiedMs < oldMs);
}

async function listed(store: ObjectStore, folder: Location): Promise<readonly ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of store.list(`${folder}/`)) objects.push(object);
  return objects;
}
