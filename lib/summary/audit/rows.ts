import { executeAsWritten } from '../../engine/engine.ts';
import { identifier, text } from '../../engine/sql.ts';
import { rowPlace } from '../../upkeep/live-rows.ts';
import { changedRun, storedNames } from '../tables/columns.ts';
import { auditCarried, type CarriedRows, carriedColumns } from './carried.ts';
import { type BucketAudit, count, rowsOf } from './context.ts';
import { recordValue, shownWrongly } from './feed.ts';
import { neighbourHashes } from './neighbours.ts';
import { rowAlive } from './sql.ts';
import { storedRecordHash } from './values.ts';

/**
 * One pass over every summary file that the run wrote: rows per file, months, lengths, array[0], grids of the changed
 * rows, and the checksum of the rows that were only carried over. Leaves `row_facts`, one narrow row per written row,
 * to the checks that follow; `sampled` holds all columns of changed rows of sampled keys, `h` a hash of them where
 * latest may hold the row too. Needs `near` and `drawn`.
 */
export async function auditRows(audit: BucketAudit): Promise<void> {
  const { session, shape, state, findings, context } = audit;
  const { added } = state.roles.summary;
  const columns = storedNames(shape);
  const changed = `(${identifier(changedRun)} IS NOT DISTINCT FROM ${text(context.runId)})`;
  const carriedNames = carriedColumns(audit);
  const hash = (names: readonly string[]) => `hash(${names.map(identifier).join(', ')})`;
  // Columns of the pipeline stand unqualified beside these, so theirs carry the reserved prefix.
  const { tail, head } = neighbourHashes(audit, 'n.pw_d', 'n.pw_e');
  const mayBeLatest = await monthsOfLatest(audit);
  const when = (value: string) => `CASE WHEN ${changed} THEN ${value} END`;
  const key = identifier(shape.key.name);
  const month = identifier(shape.month.name);
  // The optimizer would build the join from the files' rows, which are wide and many.
  const facts = `CREATE OR REPLACE TEMP TABLE row_facts AS
    SELECT ${rowPlace.file} AS file, ${key} AS k, ${month} AS m, ${changed} AS changed, ${rowAlive(shape)} AS alive,
      CASE WHEN NOT ${changed} THEN ${hash(carriedNames)} WHEN ${mayBeLatest} THEN ${hash(columns)} END AS h, ${when(storedRecordHash(audit))} AS record,
      ${when(tail)} AS tail, ${when(head)} AS head, ${conditions(audit, changed)},
      CASE WHEN ${changed} AND s.pw_sampled THEN struct_pack(${columns.map((name) => `${identifier(name)} := r.${identifier(name)}`).join(', ')}) END AS sampled
    FROM ${await rowsOf(audit, 'summary', added, columns, true)} AS r
    LEFT JOIN (SELECT k AS pw_k, m AS pw_m, d AS pw_d, e AS pw_e FROM near) AS n ON n.pw_k = r.${key} AND n.pw_m = r.${month}
    LEFT JOIN (SELECT k AS pw_s, true AS pw_sampled FROM drawn) AS s ON s.pw_s = r.${key}`;
  await executeAsWritten(session, facts, ['build_side_probe_side']);
  const rows =
    await session.query(`SELECT file, count(*) AS n, count(*) FILTER (changed) AS changed, min(m) AS first_month,
      max(m) AS last_month, count(*) FILTER (bad_length) AS bad_length, count(*) FILTER (bad_first) AS bad_first,
      count(*) FILTER (bad_grid) AS bad_grid, coalesce(sum(h::HUGEINT) FILTER (NOT changed), 0)::VARCHAR AS carried
    FROM row_facts GROUP BY file`);
  const byFile = new Map(rows.map((row) => [Number(row['file']), row]));

  const carried = new Map<string, CarriedRows>();
  for (const [index, file] of added.entries()) {
    const row = byFile.get(index);
    const n = count(row, 'n');
    findings.checked('file counts', 1);
    if (n !== file.rows) {
      findings.failed(
        'file counts',
        `${file.location} is to be published with ${file.rows} rows and holds ${n}`,
      );
    }
    findings.checked('months of cells', n);
    for (const edge of ['first_month', 'last_month']) {
      if (n === 0 || row?.[edge] === file.month) continue;
      findings.failed(
        'months of cells',
        `${file.location} of month ${file.month} holds ${String(row?.[edge])}`,
      );
    }
    for (const [name, column] of rowChecks) {
      findings.checked(name, count(row, 'changed'));
      if (count(row, column) > 0) await tell(audit, name, column, index, file.location);
    }
    carried.set(file.location, {
      rows: n - count(row, 'changed'),
      checksum: BigInt(String(row?.['carried'] ?? '0')),
    });
  }
  await auditCarried(audit, carriedNames, carried);
}

/** SQL condition: the row's month is one of those that latest's new rows have. */
async function monthsOfLatest(audit: BucketAudit): Promise<string> {
  const { shape, state, session } = audit;
  const month = identifier(shape.month.name);
  const rows = await session.query(
    `SELECT DISTINCT ${month} AS m FROM ${await rowsOf(audit, 'latest', state.roles.latest.added, [shape.month.name])}`,
  );
  if (rows.length === 0) return 'false';
  return `r.${month} IN (${rows.map((row) => text(String(row['m']))).join(', ')})`;
}

const rowChecks = [
  ['array length', 'bad_length'],
  ['array[0]', 'bad_first'],
  ['grids', 'bad_grid'],
] as const;

/** What is wrong with a changed row; carried rows are held to their checksum. */
function conditions(audit: BucketAudit, changed: string): string {
  const { shape } = audit;
  const lengths = shape.histories.map(
    ({ name }) => `len(${identifier(name)}) IS DISTINCT FROM ${shape.historyLength}`,
  );
  const firsts = shape.histories.map(({ name, from }) => {
    const differs = `${identifier(name)}[1] IS DISTINCT FROM ${recordValue(shape, from)}`;
    return from === shape.deleteColumn && shape.feed === undefined
      ? `(${rowAlive(shape)} AND ${differs})`
      : differs;
  });
  const grids = shape.grids.map(({ name, history, placeholder, separator }) => {
    const entries = `list_transform(${identifier(history)}, lambda x: coalesce(x::VARCHAR, ${text(placeholder)}))`;
    return `${identifier(name)} IS DISTINCT FROM array_to_string(${entries}, ${text(separator)})`;
  });
  const any = (parts: readonly string[], name: string) =>
    `${parts.length === 0 ? 'false' : `CASE WHEN ${changed} THEN (${parts.join(' OR ')}) ELSE false END`} AS ${name}`;
  return [
    any(lengths, 'bad_length'),
    any(firsts, 'bad_first'),
    any(grids, 'bad_grid'),
    any([shownWrongly(shape)], 'bad_shown'),
  ].join(', ');
}

async function tell(
  audit: BucketAudit,
  name: (typeof rowChecks)[number][0],
  column: string,
  file: number,
  location: string,
): Promise<void> {
  const rows = await audit.session.query(
    `SELECT k, m FROM row_facts WHERE ${column} AND file = ${file} ORDER BY k LIMIT 5`,
  );
  for (const row of rows) {
    audit.findings.failed(
      name,
      `${audit.shape.key.name} ${String(row['k'])}, month ${String(row['m'])} in ${location}`,
    );
  }
}
