import { createHash } from 'node:crypto';
import { identifier, text } from '../engine/sql.ts';
import { normalizeLocation } from '../stores/location.ts';
import { rowsChecksum } from './audit-checksum.ts';
import { type BucketAudit, count, rowsOf } from './audit-context.ts';
import type { StateFile } from './audit-state.ts';
import { changedRun, storedNames } from './columns.ts';

/** Rows of one written file that the run did not change. */
export interface CarriedRows {
  readonly rows: number;
  readonly checksum: bigint;
}

/** Above so many bytes of replaced files in a bucket only some of the old files are read again. */
const fullReadBytes = 256e6;
/** One in so many groups is then read; the others are held to the checksum that their unit took while it read them. */
const readOneIn = 8;

/**
 * Rows that were only copied into a new file are the rows of the files that it replaces, in every column.
 * @param carried by location of the written file
 */
export async function auditCarried(
  audit: BucketAudit,
  carried: ReadonlyMap<string, CarriedRows>,
): Promise<void> {
  const { state, findings } = audit;
  const summary = state.roles.summary;
  const replaced = summary.before.filter((file) => summary.removed.has(file.location));
  const readAll = replaced.reduce((sum, file) => sum + file.sizeBytes, 0) <= fullReadBytes;
  const months = new Set(replaced.map((file) => file.month));
  for (const month of months) {
    const removed = replaced.filter((file) => file.month === month);
    const added = summary.added.filter((file) => file.month === month);
    const after = total(added.map((file) => carried.get(file.location)));
    findings.checked('carried rows', after.rows);
    const where = `month ${month}, bucket ${state.bucket} (${added.map((file) => file.location).join(', ') || 'no new file'})`;
    const unit = unitChecksum(audit, removed);
    if (unit !== undefined && BigInt(unit) !== after.checksum) {
      findings.failed(
        'carried rows',
        `${where}: checksum ${unit} when the old files were read, ${after.checksum} in the new ones`,
      );
    }
    if (unit !== undefined && !readAll && !drawn(removed)) continue;
    const before = await carriedBefore(audit, removed, added);
    if (before.rows !== after.rows || before.checksum !== after.checksum) {
      findings.failed(
        'carried rows',
        `${where}: ${before.rows} rows with checksum ${before.checksum} to carry over, found ${after.rows} with ${after.checksum}`,
      );
    }
  }
}

/** Live rows of the old files whose key the run did not change in their cell. */
async function carriedBefore(
  audit: BucketAudit,
  removed: readonly StateFile[],
  added: readonly StateFile[],
): Promise<CarriedRows> {
  const key = identifier(audit.shape.key.name);
  const old = await rowsOf(audit, 'summary', removed);
  const written = await rowsOf(audit, 'summary', added, [audit.shape.key.name, changedRun]);
  const changed = `(SELECT ${key} FROM ${written} WHERE ${identifier(changedRun)} = ${text(audit.context.runId)})`;
  const [row] = await audit.session.query(
    `SELECT count(*) AS n, ${rowsChecksum(storedNames(audit.shape))} AS checksum FROM ${old} AS o ANTI JOIN ${changed} AS c ON o.${key} = c.${key}`,
  );
  return { rows: count(row, 'n'), checksum: BigInt(String(row?.['checksum'] ?? '0')) };
}

/** The units' own sum over these files; undefined unless they have one for all of them. */
function unitChecksum(audit: BucketAudit, removed: readonly StateFile[]): string | undefined {
  const wanted = new Set(removed.map((file) => file.location));
  let sum = 0n;
  let found = 0;
  for (const group of audit.state.groups) {
    const locations = group.removed.map(normalizeLocation).filter((location) => wanted.has(location));
    if (locations.length === 0) continue;
    if (group.carriedBefore === undefined || locations.length !== group.removed.length) return undefined;
    sum += BigInt(group.carriedBefore);
    found += locations.length;
  }
  return found === wanted.size ? String(sum) : undefined;
}

function drawn(files: readonly StateFile[]): boolean {
  const digest = createHash('sha1')
    .update(files.map((file) => file.location).join('\n'))
    .digest();
  return digest.readUInt32BE(0) % readOneIn === 0;
}

function total(parts: readonly (CarriedRows | undefined)[]): CarriedRows {
  return {
    rows: parts.reduce((sum, part) => sum + (part?.rows ?? 0), 0),
    checksum: parts.reduce((sum, part) => sum + (part?.checksum ?? 0n), 0n),
  };
}
