import { places } from '../../upkeep/live-rows.ts';
import { type BucketAudit, count } from './context.ts';
import { filesAfter, type RoleState, roles } from './state.ts';

/**
 * Position deletes as they will stand: every position lies in a file that is there, inside of it, and once; every row
 * of a delete file names such a file; what was deleted before is still deleted.
 */
export async function auditDeletes(audit: BucketAudit): Promise<void> {
  for (const role of roles) {
    const state = audit.state.roles[role];
    if (state.addedDeletes.length + state.removedDeletes.size > 0) await auditRole(audit, role, state);
  }
}

async function auditRole(audit: BucketAudit, role: string, state: RoleState): Promise<void> {
  const { session, findings, context } = audit;
  const store = context.world.warehouse;
  const after = filesAfter(state).filter((file) => file.deletes.length > 0);
  const deletePaths = await Promise.all(
    [...new Set(after.flatMap((file) => file.deletes))].map((one) => store.localPath(one)),
  );
  const locations = after.map((file) => file.location);
  if (deletePaths.length === 0) return;
  const rows = await session.query(
    `SELECT no, count(*) AS n, count(DISTINCT pos) AS positions, min(pos) AS first, max(pos) AS last
     FROM ${places(deletePaths, locations)} GROUP BY no`,
  );
  for (const row of rows) {
    const file = after[Number(row['no'])];
    const n = count(row, 'n');
    findings.checked('position deletes', n);
    if (file === undefined) continue;
    if (n !== count(row, 'positions'))
      findings.failed(
        'position deletes',
        `${role} ${file.location}: ${n - count(row, 'positions')} positions deleted twice`,
      );
    if (count(row, 'first') < 0 || count(row, 'last') >= file.rows) {
      findings.failed(
        'position deletes',
        `${role} ${file.location}: position ${count(row, 'last')} of ${file.rows} rows`,
      );
    }
  }
  await nothingElseNamed(audit, role, state);
  await oldStayDeleted(audit, role, state);
}

/** The delete files that the run adds hold nothing but positions of the bucket's live files, and as many as they say. */
async function nothingElseNamed(audit: BucketAudit, role: string, state: RoleState): Promise<void> {
  const { session, findings, context } = audit;
  const store = context.world.warehouse;
  if (state.addedDeletes.length === 0) return;
  const locations = filesAfter(state).map((file) => file.location);
  const paths = await Promise.all(state.addedDeletes.map((file) => store.localPath(file.location)));
  const rows = await session.query(
    `SELECT delete_no, count(*) AS n FROM ${places(paths, locations)} GROUP BY delete_no`,
  );
  const found = new Map(rows.map((row) => [Number(row['delete_no']), count(row, 'n')]));
  findings.checked('file counts', state.addedDeletes.length);
  for (const [index, file] of state.addedDeletes.entries()) {
    const n = found.get(index) ?? 0;
    if (n !== file.rows) {
      findings.failed(
        'position deletes',
        `${role} ${file.location}: ${file.rows} positions recorded, ${n} of them in live files`,
      );
    }
  }
}

async function oldStayDeleted(audit: BucketAudit, role: string, state: RoleState): Promise<void> {
  const { session, findings, context } = audit;
  const store = context.world.warehouse;
  const kept = state.before.filter((file) => !state.removed.has(file.location) && file.deletes.length > 0);
  if (kept.length === 0) return;
  const now = filesAfter(state).filter((file) => kept.some((one) => one.location === file.location));
  const paths = (files: typeof kept) =>
    Promise.all([...new Set(files.flatMap((file) => file.deletes))].map((one) => store.localPath(one)));
  const locations = kept.map((file) => file.location);
  const nowPaths = await paths(now);
  const old = places(await paths(kept), locations);
  const gone =
    nowPaths.length === 0
      ? `SELECT count(*) AS n FROM ${old}`
      : `SELECT count(*) AS n FROM ${old} AS o ANTI JOIN ${places(nowPaths, locations)} AS a ON o.no = a.no AND o.pos = a.pos`;
  const [row] = await session.query(gone);
  if (count(row, 'n') > 0)
    findings.failed(
      'position deletes',
      `${role}, bucket ${audit.state.bucket}: ${count(row, 'n')} deleted rows would come back`,
    );
}
