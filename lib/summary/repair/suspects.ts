import {
  ancestors,
  bucketField,
  currentSnapshot,
  filesTouchedBy,
  type Snapshot,
  specById,
  type Table,
} from '../../iceberg/index.ts';
import { commitKeys } from '../../run/publish/table-change.ts';
import type { ObjectStore } from '../../stores/ports.ts';

/** Which buckets other writers have changed: there, latest and the arrays need not be what the rules make. */

/** Snapshot summary key of a commit that made latest anew, with how far: `suspect`, `all` or `some`. */
export const repairedKey = 'partwise.repaired';

export interface Suspects {
  /** `all` when a change says nothing about its bucket, e.g. an equality delete. */
  readonly buckets: ReadonlySet<number> | 'all';
  /** Ids of the snapshots of other writers, newest first, with their table. */
  readonly snapshots: readonly { readonly table: string; readonly snapshotId: string }[];
  /** Tables whose older snapshots have expired: what was changed before cannot be seen. */
  readonly unseen: readonly string[];
}

interface SuspectOptions {
  readonly store: ObjectStore;
  readonly branch: string;
  readonly summary: Table;
  readonly latest: Table | undefined;
}

/** Since the newest repair of all that was suspect then; without one, since the tables were made. */
export async function suspectBuckets(options: SuspectOptions): Promise<Suspects> {
  const { store, branch, summary, latest } = options;
  const latestLine = latest === undefined ? [] : line(latest, branch);
  const at = latestLine.findIndex(isWholeRepair);
  const repair = at < 0 ? undefined : latestLine[at];
  const settled = repair?.summary[commitKeys.summarySnapshotId];
  const since = [
    {
      table: summary,
      snapshots: line(summary, branch),
      settled: (one: Snapshot) => String(one.snapshotId) === settled,
    },
    ...(latest === undefined ? [] : [{ table: latest, snapshots: latestLine, settled: isWholeRepair }]),
  ];
  const buckets = new Set<number>();
  const found: { table: string; snapshotId: string }[] = [];
  const unseen: string[] = [];
  let all = false;
  for (const { table, snapshots, settled: isSettled } of since) {
    const name = `${table.identifier.namespace}.${table.identifier.name}`;
    const end = snapshots.findIndex(isSettled);
    if (end < 0 && snapshots.at(-1)?.parentSnapshotId !== undefined) unseen.push(name);
    for (const snapshot of (end < 0 ? snapshots : snapshots.slice(0, end)).filter(isForeign)) {
      found.push({ table: name, snapshotId: String(snapshot.snapshotId) });
      const { added, removed } = await filesTouchedBy(store, table, snapshot);
      for (const file of [...added, ...removed]) {
        const bucket = bucketIn(table, file);
        if (bucket === undefined) all = true;
        else buckets.add(bucket);
      }
    }
  }
  return { buckets: all ? 'all' : buckets, snapshots: found, unseen };
}

function line(table: Table, branch: string): readonly Snapshot[] {
  const head = currentSnapshot(table, branch);
  return head === undefined ? [] : ancestors(table, head.snapshotId);
}

function isWholeRepair({ summary }: Snapshot): boolean {
  return summary[repairedKey] === 'suspect' || summary[repairedKey] === 'all';
}

/** Compaction keeps the rows, whoever did it. */
function isForeign({ summary }: Snapshot): boolean {
  return summary[commitKeys.runId] === undefined && summary['operation'] !== 'replace';
}

function bucketIn(
  table: Table,
  file: { readonly specId: number; readonly content: string; readonly partition: readonly unknown[] },
): number | undefined {
  const spec = specById(table, file.specId);
  const current = specById(table, table.metadata.defaultSpecId);
  const index = bucketField(spec)?.index ?? -1;
  const transform = spec.fields[index]?.transform;
  const isOurs = current.fields.some((field) => field.transform === transform);
  const bucket = file.partition[index];
  return file.content === 'equality-deletes' || !isOurs || typeof bucket !== 'number' ? undefined : bucket;
}
