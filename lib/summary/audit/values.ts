import { identifier, textList } from '../../engine/sql.ts';
import { preparedPaths } from '../prepare/prepared-paths.ts';
import type { ScalarColumn } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';
import { type BucketAudit, count, rowsOf } from './context.ts';
import { changedMonths } from './keys.ts';

/**
 * Columns whose values a row takes from its newest record and nothing else. Left out: the version, which rises for
 * other reasons, and what a delete or the deletions feed may set.
 */
function recordColumns(audit: BucketAudit): readonly ScalarColumn[] {
  const { shape, context } = audit;
  const left = new Set([shape.version.name, shape.deleteColumn, context.config.deletions?.overrides]);
  return shape.scalars.filter(({ name }) => !left.has(name));
}

/** The record's date and delete code, which a row keeps aside from what it shows. */
function keptAside({ shape: { feed } }: BucketAudit): {
  readonly stored: readonly string[];
  readonly prepared: readonly ScalarColumn[];
} {
  return feed === undefined
    ? { stored: [], prepared: [] }
    : { stored: [feedNames.recordDate, feedNames.recordCode], prepared: [feed.date, feed.code] };
}

/** Hash of a stored row's record: its values and its order tuple. */
export function storedRecordHash(audit: BucketAudit): string {
  const { record } = audit.shape;
  const names = [
    ...recordColumns(audit).map(({ name }) => name),
    ...keptAside(audit).stored,
    record.version,
    ...record.ties,
    record.hash,
  ];
  return `hash(${names.map(identifier).join(', ')})`;
}

/** The same hash of a prepared row. */
function preparedRecordHash(audit: BucketAudit): string {
  const { shape } = audit;
  const typed = [...recordColumns(audit), ...keptAside(audit).prepared, shape.version, ...shape.ties].map(
    ({ name, sqlType }) => `${identifier(name)}::${sqlType}`,
  );
  return `hash(${[...typed, 'rec_hash::BIGINT'].join(', ')})`;
}

/**
 * The values of every written row are those of one record: one of the batch for its month, or the one that its old row
 * held. Needs `row_facts` with `record`.
 */
export async function auditValues(audit: BucketAudit): Promise<void> {
  const { session, shape, state, findings, context } = audit;
  const key = identifier(shape.key.name);
  const months = changedMonths(audit);
  const old = state.roles.summary.before.filter((file) => months.has(file.month));
  const columns = [
    ...new Set([
      shape.key.name,
      shape.month.name,
      ...recordColumns(audit).map(({ name }) => name),
      ...keptAside(audit).stored,
      shape.record.version,
      ...shape.record.ties,
      shape.record.hash,
    ]),
  ];
  await session.execute(`CREATE OR REPLACE TEMP TABLE foreign_rows AS
    SELECT f.k, f.m, f.record FROM row_facts AS f
    ANTI JOIN (SELECT ${key} AS k, ${identifier(shape.month.name)} AS m, ${storedRecordHash(audit)} AS record
      FROM ${await rowsOf(audit, 'summary', old, columns)}) AS o ON o.k = f.k AND o.m = f.m AND o.record = f.record
    WHERE f.changed`);
  const [row] = await session.query('SELECT count(*) AS n FROM row_facts WHERE changed');
  findings.checked('values', count(row, 'n'));
  const paths = await preparedPaths(context.world.results, audit.sources, state.bucket);
  const records =
    paths.length === 0
      ? '(SELECT NULL AS k, 0 AS month_no, 0::UBIGINT AS record WHERE false)'
      : `(SELECT ${key} AS k, month_no, ${preparedRecordHash(audit)} AS record FROM read_parquet(${textList(paths)})
          WHERE bucket = ${state.bucket} AND NOT is_delete)`;
  const wrong =
    await session.query(`SELECT f.k, f.m FROM foreign_rows AS f ANTI JOIN ${records} AS r ON r.k = f.k AND r.record = f.record
      AND r.month_no = left(f.m, 4)::INTEGER * 12 + right(f.m, 2)::INTEGER ORDER BY ALL LIMIT 20`);
  for (const one of wrong) {
    findings.failed(
      'values',
      `${shape.key.name} ${String(one['k'])}, month ${String(one['m'])}, bucket ${state.bucket}: the values are those of no record`,
    );
  }
}
