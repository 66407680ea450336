import { partOf } from '../sql/points.ts';
import type { StateFiles } from '../state/state.ts';
import { type RollupAudit, whole } from './context.ts';
import type { Findings } from './findings.ts';
import { auditOrder } from './rows.ts';

/** The state that the batch leaves: open points above what is closed, one tail a series, open windows, each once. */
export async function auditState(audit: RollupAudit): Promise<void> {
  const { facts, rules } = audit;
  const closed = facts.closedAfterMs;
  const coarser = rules.resolutionsMs.filter((resolution) => resolution !== rules.baseMs);
  const present = (kind: 'hot' | 'tails' | 'part') =>
    audit.written[kind].length + audit.carried[kind].length > 0;
  audit.findings.checked('state rows', 0);
  if (present('hot')) {
    await auditEach(audit, 'hot', closed === null ? 'true' : `ts > ${closed}`);
    await auditOrder(audit, { check: 'state rows', view: 'hot_after', by: ['id', 'ts'] });
  }
  if (present('tails')) {
    await auditEach(audit, 'tails', closed === null ? 'false' : `ts <= ${closed}`);
    await auditOrder(audit, { check: 'state rows', view: 'tails_after', by: ['id'] });
    await auditAge(audit);
  }
  if (present('part')) {
    const known = coarser.length === 0 ? 'false' : `resolution IN (${coarser.join(', ')})`;
    await auditEach(
      audit,
      'part',
      `${known} AND w % resolution = 0${closed === null ? '' : ` AND w > ${closed}`} AND n >= 1`,
    );
    await auditOrder(audit, { check: 'state rows', view: 'part_after', by: ['resolution', 'id', 'w'] });
  }
  carriedFrom(audit.findings, audit.carried, audit.before);
}

async function auditEach(audit: RollupAudit, kind: 'hot' | 'tails' | 'part', holds: string): Promise<void> {
  const { session, findings, facts, written, carried, context } = audit;
  const time = kind === 'part' ? 'w' : 'ts';
  const rows = await session.query(
    `SELECT file, min(${partOf('id', facts)}) AS first, max(${partOf('id', facts)}) AS last,
      count(*) FILTER ((${holds}) IS NOT TRUE) AS broken, arg_min(id, ${time}) FILTER ((${holds}) IS NOT TRUE) AS example,
      min(${time}) FILTER ((${holds}) IS NOT TRUE) AS example_time FROM ${kind}_after GROUP BY file`,
  );
  const byPath = new Map(rows.map((row) => [String(row['file']), row]));
  for (const file of [...written[kind], ...carried[kind]]) {
    const row = byPath.get(await context.world.warehouse.localPath(file.location));
    if (row === undefined) continue;
    if (whole(row, 'broken') > 0n)
      findings.failed(
        'state rows',
        `${kind} ${file.location}: ${row['broken']} rows do not belong after ${facts.closedAfterMs}, the first series ${row['example']} at ${row['example_time']}`,
      );
    if (Number(row['first']) < file.firstPart || Number(row['last']) > file.lastPart)
      findings.failed(
        'state rows',
        `${kind} ${file.location}: expected series of the parts ${file.firstPart} to ${file.lastPart}, found ${row['first']} to ${row['last']}`,
      );
  }
}

/** Tails that were written; files that were carried over may hold some that nobody continues any more. */
async function auditAge(audit: RollupAudit): Promise<void> {
  const { session, findings, facts, rules, written, context } = audit;
  if (rules.maxGapMs === undefined || facts.closedAfterMs === null) return;
  const paths = new Set<string>();
  for (const file of written.tails) paths.add(await context.world.warehouse.localPath(file.location));
  const rows = await session.query(
    'SELECT file, arg_min(id, ts) AS id, min(ts) AS ts FROM tails_after GROUP BY file',
  );
  for (const row of rows)
    if (paths.has(String(row['file'])) && facts.closedAfterMs - Number(row['ts']) >= rules.maxGapMs)
      findings.failed(
        'state rows',
        `tails: series ${row['id']} is last seen at ${row['ts']}, more than ${rules.maxGapMs} ms before ${facts.closedAfterMs}`,
      );
}

/** Files that are carried over are the ones of the state before. */
export function carriedFrom(findings: Findings, carried: StateFiles, before: StateFiles | undefined): void {
  const files = before === undefined ? [] : [...before.hot, ...before.tails, ...before.part];
  const known = new Map(files.map((file) => [file.location, file]));
  const all = [...carried.hot, ...carried.tails, ...carried.part];
  findings.checked('carried state', all.length);
  for (const file of all) {
    const one = known.get(file.location);
    if (one === undefined) findings.failed('carried state', `${file.location} is not in the state before`);
    else findings.same('carried state', `${file.location}: rows`, one.rows, file.rows);
  }
}
