import { createHash } from 'node:crypto';
import { identifier, text } from '../engine/sql.ts';
import { rowsChecksum } from './audit-checksum.ts';
import { type BucketAudit, count, rowsOf } from './audit-context.ts';
import type { StateFile } from './audit-state.ts';
import { changedRun, storedNames } from './columns.ts';

/** Rows of one written file that the run did not change. */
export interface CarriedRows {
  readonly rows: number;
  readonly checksum: bigint;
}

/** Above so many bytes of replaced files in a bucket, only one array in `arraysOneIn` takes part in the checksum. */
const fullReadBytes = 256e6;
const arraysOneIn = 4;

/**
 * Columns that the checksum over carried rows of this bucket is made of: all, or for much data all but most arrays,
 * which are what reading costs. Which arrays are left in changes from run to run and from bucket to bucket.
 */
export function carriedColumns(audit: BucketAudit): readonly string[] {
  const { shape, state, context } = audit;
  const replaced = replacedFiles(audit).reduce((sum, file) => sum + file.sizeBytes, 0);
  if (replaced <= fullReadBytes) return storedNames(shape);
  const draw = createHash('sha1').update(`${context.runId}/${state.bucket}`).digest().readUInt32BE(0);
  const left = new Set(
    shape.histories.filter((_, index) => (index + draw) % arraysOneIn !== 0).map(({ name }) => name),
  );
  return storedNames(shape).filter((name) => !left.has(name));
}

/**
 * Rows that were only copied into a new file are the rows of the files that it replaces.
 * @param carried by location of the written file, over `columns`
 */
export async function auditCarried(
  audit: BucketAudit,
  columns: readonly string[],
  carried: ReadonlyMap<string, CarriedRows>,
): Promise<void> {
  const { state, findings } = audit;
  const replaced = replacedFiles(audit);
  for (const month of new Set(replaced.map((file) => file.month))) {
    const removed = replaced.filter((file) => file.month === month);
    const added = state.roles.summary.added.filter((file) => file.month === month);
    const after = total(added.map((file) => carried.get(file.location)));
    const before = await carriedBefore(audit, columns, removed, added);
    findings.checked('carried rows', after.rows);
    if (before.rows === after.rows && before.checksum === after.checksum) continue;
    const files = added.map((file) => file.location).join(', ') || 'no new file';
    findings.failed(
      'carried rows',
      `month ${month}, bucket ${state.bucket} (${files}): ${before.rows} rows with checksum ${before.checksum} to carry over, found ${after.rows} with ${after.checksum}`,
    );
  }
}

function replacedFiles(audit: BucketAudit): readonly StateFile[] {
  const { before, removed } = audit.state.roles.summary;
  return before.filter((file) => removed.has(file.location));
}

/** Live rows of the old files whose key the run did not change in their cell. */
async function carriedBefore(
  audit: BucketAudit,
  columns: readonly string[],
  removed: readonly StateFile[],
  added: readonly StateFile[],
): Promise<CarriedRows> {
  const key = identifier(audit.shape.key.name);
  const old = await rowsOf(audit, 'summary', removed, columns);
  const written = await rowsOf(audit, 'summary', added, [audit.shape.key.name, changedRun]);
  const changed = `(SELECT ${key} AS k FROM ${written} WHERE ${identifier(changedRun)} = ${text(audit.context.runId)})`;
  const [row] = await audit.session.query(
    `SELECT count(*) AS n, ${rowsChecksum(columns)} AS checksum FROM ${old} AS o ANTI JOIN ${changed} AS c ON o.${key} = c.k`,
  );
  return { rows: count(row, 'n'), checksum: BigInt(String(row?.['checksum'] ?? '0')) };
}

function total(parts: readonly (CarriedRows | undefined)[]): CarriedRows {
  return {
    rows: parts.reduce((sum, part) => sum + (part?.rows ?? 0), 0),
    checksum: parts.reduce((sum, part) => sum + (part?.checksum ?? 0n), 0n),
  };
}
