import { text } from '../../engine/sql.ts';
import type { UnitItem, UnitResult } from '../../run/workload.ts';
import type { Location } from '../../stores/ports.ts';
import { deadLettersJob } from '../state/job.ts';
import type { RollupContext } from '../types.ts';
import { changeState } from './change-state.ts';
import { changeLevels, loadShifted, loadTouched } from './levels.ts';
import { findNeighbours } from './neighbours.ts';
import { openRepairPoints, readRetained } from './points.ts';
import { numberOf, type Repairing, startRepairing } from './repairing.ts';
import { rewriteFiles } from './rewrite.ts';
import { mustBeSketched, openSketches } from './sketches.ts';
import { openStored } from './stored.ts';
import type { RepairOutcome, RepairPoints, RepairSpec, RepairWindows } from './types.ts';
import { baseWindows, mergePoints, mustBeComplete } from './windows.ts';
import { writeRepairedState } from './write-state.ts';

/**
 * The one unit of a repair, from its points to new files:
 *
 *     points -> touched base windows -> their kept points, which must give the published rows -> with the new ones
 *       -> rows of the base, of the next windows, of coarser ones | hot, tails, part -> files with changed rows anew
 */
export async function workRepair(
  context: RollupContext,
  item: UnitItem,
  specification: unknown,
): Promise<UnitResult> {
  const spec = specification as RepairSpec;
  await using session = await context.session(`repair-${item.unit}`);
  const repairing = await startRepairing(context, session, { spec, unit: item.unit });
  const read = await recompute(repairing);
  const counted = await countPoints(repairing, read);
  const windows = await countWindows(repairing);
  const written = await writeRepairedState(repairing);
  const refused = await writeTooFar(repairing);
  const { change, bytesRemoved } = await rewriteFiles(repairing);
  const outcome: RepairOutcome = {
    ...written,
    changes: change === undefined ? [] : [change],
    points: { ...counted, tooFar: refused.rows },
    deadLetters: refused.location,
    windows,
    files: {
      removed: change?.removed.length ?? 0,
      added: change?.added.length ?? 0,
      bytesRemoved,
    },
  };
  return {
    rows: windows.reduce((sum, one) => sum + one.added + one.changed, 0),
    bytes: bytesRemoved,
    outcome,
  };
}

/** Keeps what lies too far in the future where a batch keeps it. */
async function writeTooFar({ context, session, spec, unit }: Repairing): Promise<{
  readonly rows: number;
  readonly location: Location | undefined;
}> {
  const path = `${session.workFolder}/dead-letters.parquet`;
  const far = text(await context.world.results.localPath(spec.tooFar));
  const [written] = await session.writeParquet({
    select: `SELECT CAST(${spec.batch} AS BIGINT) AS batch, 'too far' AS reason, * EXCLUDE (o) FROM read_parquet(${far}, hive_partitioning = false) ORDER BY id, ts`,
    path,
  });
  if (written === undefined || written.rows === 0) return { rows: 0, location: undefined };
  const task = (await deadLettersJob(context)).task(unit, context.attempt);
  const { destination } = await task.write(`${unit}.parquet`, { path });
  await task.commit();
  return { rows: written.rows, location: destination };
}

/** Makes `changed` and the `…_changed` of the state. Returns how many kept points were read. */
async function recompute(repairing: Repairing): Promise<number> {
  await openRepairPoints(repairing);
  const read = await readRetained(repairing);
  await mergePoints(repairing);
  await openStored(repairing);
  await loadTouched(repairing);
  await findNeighbours(repairing);
  await openSketches(repairing);
  await baseWindows(repairing);
  await mustBeComplete(repairing);
  await loadShifted(repairing);
  await mustBeSketched(repairing);
  await changeLevels(repairing);
  await changeState(repairing);
  return read;
}

async function countPoints(
  { session, spec }: Repairing,
  read: number,
): Promise<Omit<RepairPoints, 'tooFar'>> {
  const taken = await numberOf(session, 'SELECT count(*) FROM points');
  const open = await numberOf(session, `SELECT count(*) FROM points WHERE ts > ${spec.closedThroughMs}`);
  const fresh = await numberOf(session, 'SELECT count(*) FROM after WHERE fresh');
  const waiting = await numberOf(
    session,
    `SELECT count(*) FROM (SELECT DISTINCT id, ts FROM points WHERE ts > ${spec.closedThroughMs}) AS now ANTI JOIN hot_before USING (id, ts)`,
  );
  const series = await numberOf(session, 'SELECT count(*) FROM ids');
  return { taken, open, duplicates: taken - fresh - waiting, series, read };
}

async function countWindows({ session, spec, rules }: Repairing): Promise<readonly RepairWindows[]> {
  const rows = await session.query(
    `SELECT resolution, count(*) FILTER (w <= ${spec.closedThroughMs} AND file IS NULL) AS added, count(*) FILTER (w <= ${spec.closedThroughMs} AND file IS NOT NULL) AS changed,
      count(*) FILTER (w > ${spec.closedThroughMs}) AS open FROM changed GROUP BY resolution`,
  );
  return rules.resolutionsMs.map((resolutionMs) => {
    const row = rows.find((one) => Number(one['resolution']) === resolutionMs);
    const count = (name: string) => Number(row?.[name] ?? 0);
    return { resolutionMs, added: count('added'), changed: count('changed'), open: count('open') };
  });
}
