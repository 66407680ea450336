import { ancestors, type Snapshot, snapshotById, type Table } from '../../iceberg/index.ts';
import type { Location } from '../../stores/ports.ts';
import { batchKeys } from './state.ts';

interface KeepFor {
  readonly now: number;
  readonly keepForMs: number;
}

/** States that the table's snapshots still need: that of the newest batch of every branch and tag, and those kept for replays. */
export function livingStates(table: Table, options: KeepFor): readonly Location[] {
  const newest = Object.values(table.metadata.refs).flatMap((ref) => batchAt(table, ref.snapshotId) ?? []);
  const living = new Set([...newest, ...replayable(table, options)]);
  return [...living].flatMap(({ summary }) => summary[batchKeys.state] ?? []);
}

/**
 * Commits of batches that a replay may start from: those that have had a successor for less than `keepForMs`. One that no
 * ref reaches, after a rollback, ages from its own commit.
 */
export function replayable(table: Table, { now, keepForMs }: KeepFor): readonly Snapshot[] {
  const followedMs = new Map<bigint, number>();
  for (const snapshot of table.metadata.snapshots) {
    if (!isBatch(snapshot) || snapshot.parentSnapshotId === undefined) continue;
    const before = batchAt(table, snapshot.parentSnapshotId);
    if (before === undefined) continue;
    const id = before.snapshotId;
    followedMs.set(id, Math.max(followedMs.get(id) ?? 0, snapshot.timestampMs));
  }
  return table.metadata.snapshots.filter((snapshot) => {
    const sinceMs = followedMs.get(snapshot.snapshotId) ?? snapshot.timestampMs;
    return isBatch(snapshot) && now - sinceMs < keepForMs;
  });
}

function isBatch(snapshot: Snapshot): boolean {
  return snapshot.summary[batchKeys.batch] !== undefined;
}

/** The snapshot, or its nearest ancestor, that is of a batch. */
function batchAt(table: Table, snapshotId: bigint): Snapshot | undefined {
  const head = snapshotById(table, snapshotId);
  if (head !== undefined && isBatch(head)) return head;
  return ancestors(table, snapshotId).find(isBatch);
}
