import { createHash } from 'node:crypto';
import { identifier } from '../../engine/sql.ts';
import { rowsChecksum } from '../../upkeep/rows-checksum.ts';
import { storedNames } from '../tables/columns.ts';
import { type BucketAudit, count, rowsOf } from './context.ts';
import type { StateFile } from './state.ts';

/** Rows of one written file that the run did not change. */
export interface CarriedRows {
  readonly rows: number;
  readonly checksum: bigint;
}

/** Above so many bytes of replaced files in a bucket, only one array in `arraysOneIn` takes part in the checksum. */
const fullReadBytes = 32e6;
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
  if (replaced.length === 0) return;
  const months = new Set(replaced.map((file) => file.month));
  const before = await carriedBefore(audit, columns, replaced);
  for (const month of months) {
    const added = state.roles.summary.added.filter((file) => file.month === month);
    const after = total(added.map((file) => carried.get(file.location)));
    const old = before.get(month) ?? { rows: 0, checksum: 0n };
    findings.checked('carried rows', after.rows);
    if (old.rows === after.rows && old.checksum === after.checksum) continue;
    const files = added.map((file) => file.location).join(', ') || 'no new file';
    findings.failed(
      'carried rows',
      `month ${month}, bucket ${state.bucket} (${files}): ${old.rows} rows with checksum ${old.checksum} to carry over, found ${after.rows} with ${after.checksum}`,
    );
  }
}

function replacedFiles(audit: BucketAudit): readonly StateFile[] {
  const { before, removed } = audit.state.roles.summary;
  return before.filter((file) => removed.has(file.location));
}

/** By month: live rows of the replaced files whose row the run did not change. Needs `changed_rows`. */
async function carriedBefore(
  audit: BucketAudit,
  columns: readonly string[],
  replaced: readonly StateFile[],
): Promise<ReadonlyMap<string, CarriedRows>> {
  const key = identifier(audit.shape.key.name);
  const month = identifier(audit.shape.month.name);
  const rows = await audit.session.query(
    `SELECT o.${month} AS m, count(*) AS n, ${rowsChecksum(columns)} AS checksum FROM ${await rowsOf(audit, 'summary', replaced, columns)} AS o
     ANTI JOIN changed_rows AS c ON o.${key} = c.k AND o.${month} = c.m GROUP BY o.${month}`,
  );
  return new Map(
    rows.map((row) => [
      String(row['m']),
      { rows: count(row, 'n'), checksum: BigInt(String(row['checksum'])) },
    ]),
  );
}

function total(parts: readonly (CarriedRows | undefined)[]): CarriedRows {
  return {
    rows: parts.reduce((sum, part) => sum + (part?.rows ?? 0), 0),
    checksum: parts.reduce((sum, part) => sum + (part?.checksum ?? 0n), 0n),
  };
}
