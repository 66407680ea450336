import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { SqlRow } from '../../engine/engine.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import { tableChange } from '../files/file-changes.ts';
import { writeDataFile } from '../files/writing.ts';
import { tombstoneCounts, tombstonesAfter } from '../sql/tombstones.ts';
import type { ResolveOutcome } from '../types.ts';
import type { BucketSession } from './inputs.ts';

/** Rewrites the bucket's tombstones when they change: deletes and feed records of months that are not stored after the run. */
export async function writeTombstones(
  bucket: BucketSession,
): Promise<{ readonly change: TableChange | undefined; readonly facts: ResolveOutcome['tombstones'] }> {
  const { session, shape, context, spec, tables } = bucket;
  const [counts] = await session.query(tombstoneCounts);
  const { changes, facts } = tombstoneFacts(counts);
  if (!changes) return { change: undefined, facts };
  const file = await writeDataFile({
    context,
    session,
    table: tables.tombstones,
    name: bucket.name,
    select: tombstonesAfter(duckDb, shape, context.runId),
    cell: { bucket: spec.bucket },
  });
  return {
    change: tableChange({
      role: 'tombstones',
      added: file === undefined ? [] : [file],
      removed: spec.tombstones,
    }),
    facts,
  };
}

/** @param counts the row of `tombstoneCounts` */
export function tombstoneFacts(counts: SqlRow | undefined): {
  readonly changes: boolean;
  readonly facts: ResolveOutcome['tombstones'];
} {
  const before = Number(counts?.['before'] ?? 0);
  const gone = Number(counts?.['gone'] ?? 0);
  const fresh = Number(counts?.['fresh'] ?? 0);
  return { changes: gone + fresh > 0, facts: { before, after: before - gone + fresh } };
}
