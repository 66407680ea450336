import { identifier, textList } from '../../engine/sql.ts';
import type { SummaryShape } from '../columns.ts';
import { feedNames } from '../feed-columns.ts';
import {
  feedCandidates,
  feedCases,
  feedColumnNames,
  feedSteps,
  ownFeed,
  storedAlive,
  tombstoneFeed,
} from './feed.ts';
import { monthNumberSql } from './months.ts';
import { batchTuple, of, registerTuple } from './names.ts';
import { alive, choose, newer, newestFirst, same, selectTuple, tupleOf } from './tuples.ts';

/**
 * From prepared rows to what becomes of each (key, month). Tables of the session, in order: pw_batch (the bucket's
 * prepared rows), pw_cand (one row per key and month), pw_own (stored rows of those months), pw_lat (the keys in
 * latest), pw_tomb (tombstones), pw_resolved; with a deletions feed also pw_feed, right after pw_batch.
 */

/** One of `count` disjoint sets of a bucket's keys. */
export interface KeySlice {
  readonly index: number;
  readonly count: number;
}

/** Prepared rows of one bucket. */
export function batchTable(
  shape: SummaryShape,
  paths: readonly string[],
  bucket: number,
  slice: KeySlice | undefined,
): string {
  const within =
    slice === undefined ? '' : ` AND hash(${identifier(shape.key.name)}) % ${slice.count} = ${slice.index}`;
  const columns = shape.scalars
    .filter((column) => column.name !== shape.month.name)
    .map((column) => `${identifier(column.name)}::${column.sqlType} AS ${identifier(column.name)}`);
  if (paths.length === 0) {
    const none = shape.scalars
      .filter((column) => column.name !== shape.month.name)
      .map((column) => `NULL::${column.sqlType} AS ${identifier(column.name)}`);
    return `CREATE TEMP TABLE pw_batch AS SELECT NULL::INTEGER AS pw_month, NULL::BOOLEAN AS pw_is_delete, NULL::BIGINT AS pw_hash, ${none.join(', ')} WHERE false`;
  }
  return `CREATE TEMP TABLE pw_batch AS SELECT month_no::INTEGER AS pw_month, is_delete::BOOLEAN AS pw_is_delete, rec_hash::BIGINT AS pw_hash, ${columns.join(', ')} FROM read_parquet(${textList(paths)}) WHERE bucket = ${bucket}${within}`;
}

/** The newest record and the newest delete of each key and month (as rowids of pw_batch), and how many lost. */
export function candidateTable(shape: SummaryShape): string {
  const tuple = batchTuple(shape, 'b');
  const previous = tuple.map((part) => `lag(${part}) OVER w`);
  return `CREATE TEMP TABLE pw_cand AS SELECT pw_key, pw_month,
max(pw_row) FILTER (pw_rank = 1 AND NOT pw_is_delete) AS n_row,
max(pw_row) FILTER (pw_rank = 1 AND pw_is_delete) AS d_row,
count(*) FILTER (pw_rank > 1 AND pw_again) AS lost_duplicate,
count(*) FILTER (pw_rank > 1 AND NOT pw_again) AS lost_stale
FROM (SELECT b.rowid AS pw_row, ${of('b', shape.key.name)} AS pw_key, b.pw_month, b.pw_is_delete,
row_number() OVER w AS pw_rank, ${same(tuple, previous)} AS pw_again
FROM pw_batch AS b WINDOW w AS (PARTITION BY ${of('b', shape.key.name)}, b.pw_month, b.pw_is_delete ORDER BY ${newestFirst(tuple)}))
GROUP BY pw_key, pw_month${feedCandidates(shape)}`;
}

/** Columns of the summary that tell a row's registers. */
export function registerColumnNames(shape: SummaryShape): readonly string[] {
  const { record, deletion } = shape;
  return [
    shape.key.name,
    record.version,
    ...record.ties,
    record.hash,
    deletion.version,
    ...deletion.ties,
    deletion.hash,
    ...(shape.deleteColumn === undefined ? [] : [shape.deleteColumn]),
    ...feedColumnNames(shape),
  ];
}

/** Place and registers of the stored rows of candidate months. @param rows scan of their cells */
export function ownTable(shape: SummaryShape, rows: string): string {
  return `CREATE TEMP TABLE pw_own AS SELECT ${of('s', shape.key.name)} AS pw_key, s.pw_month, s.pw_file, s.pw_pos,
${selectTuple(registerTuple(shape.record, 's'), 'r')}, ${selectTuple(registerTuple(shape.deletion, 's'), 'y')}, ${shape.feed === undefined ? codeOf(shape, 's') : of('s', feedNames.deleteCode)} AS y_code${ownFeed(shape, 's')}
FROM ${rows} AS s SEMI JOIN pw_cand AS c ON c.pw_key = ${of('s', shape.key.name)} AND c.pw_month = s.pw_month`;
}

/** Place, month and state of the keys' rows in latest. @param rows scan of the bucket's latest files */
export function latestTable(shape: SummaryShape, rows: string): string {
  return `CREATE TEMP TABLE pw_lat AS SELECT ${of('s', shape.key.name)} AS pw_key, s.pw_file, s.pw_pos,
${monthNumberSql(of('s', shape.month.name))} AS lat_month, ${monthNumberSql(`coalesce(s.pw_newest_month, ${of('s', shape.month.name)})`)} AS newest,
${storedAlive(shape, 's')} AS lat_alive
FROM ${rows} AS s WHERE ${of('s', shape.key.name)} IN (SELECT pw_key FROM pw_cand)`;
}

export function tombstoneTable(shape: SummaryShape, rows: string): string {
  return `CREATE TEMP TABLE pw_tomb AS SELECT ${of('s', shape.key.name)} AS pw_key, ${monthNumberSql(of('s', shape.month.name))} AS pw_month, s.pw_del_code AS t_code,
${selectTuple(registerTuple(shape.deletion, 's'), 't')}, s.changed_run AS t_run${tombstoneFeed(shape, 's')} FROM ${rows} AS s`;
}

function codeOf(shape: SummaryShape, alias: string): string {
  return shape.deleteColumn === undefined ? 'NULL::VARCHAR' : `${of(alias, shape.deleteColumn)}::VARCHAR`;
}

/** What becomes of each candidate: registers before and after, alive before and after, its case. */
export function resolvedTable(shape: SummaryShape, onStale: 'ignore' | 'apply'): string {
  const length = 2 + shape.ties.length;
  const n = tupleOf('n', length);
  const d = tupleOf('d', length);
  const r = tupleOf('r', length);
  const y = tupleOf('y', length);
  const x = tupleOf('x', length);
  const nAfter = tupleOf('ra', length);
  const dAfter = tupleOf('da', length);
  const tomb = tupleOf('t', length, 't');
  const ownDelete = tupleOf('y', length, 'o');
  const tombNewer = `(t.pw_key IS NOT NULL AND (o.pw_key IS NULL OR ${newer(tomb, ownDelete)}))`;
  const sourceAfter = alive(nAfter, dAfter);
  const feed = feedSteps(shape, sourceAfter);
  const applies = onStale === 'apply' ? `NOT ${same(n, r)}` : newer(n, r);
  return `CREATE TEMP TABLE pw_resolved AS
WITH joined AS (
  SELECT c.*, o.pw_key IS NOT NULL AS stored, o.pw_file, o.pw_pos, l.pw_key IS NOT NULL AS known, l.lat_month, l.newest,
    ${selectTuple(batchTuple(shape, 'n'), 'n')}, ${selectTuple(batchTuple(shape, 'd'), 'd')}, ${codeOf(shape, 'd')} AS d_code,
    ${selectTuple(tupleOf('r', length, 'o'), 'r')}, ${selectTuple(ownDelete, 'y')},
    ${selectTuple(choose(tombNewer, tomb, ownDelete), 'x')}, CASE WHEN ${tombNewer} THEN t.t_code ELSE o.y_code::VARCHAR END AS x_code${feed.joined}
  FROM pw_cand AS c
  LEFT JOIN pw_batch AS n ON n.rowid = c.n_row
  LEFT JOIN pw_batch AS d ON d.rowid = c.d_row
  LEFT JOIN pw_own AS o ON o.pw_key = c.pw_key AND o.pw_month = c.pw_month
  LEFT JOIN pw_tomb AS t ON t.pw_key = c.pw_key AND t.pw_month = c.pw_month
  LEFT JOIN pw_lat AS l ON l.pw_key = c.pw_key
  ${feed.join}
), judged AS (
  SELECT *, n_row IS NOT NULL AND (NOT stored OR ${applies}) AS n_new, n_row IS NOT NULL AND stored AND ${same(n, r)} AS n_same,
    d_row IS NOT NULL AND ${newer(d, x)} AS d_new, d_row IS NOT NULL AND ${same(d, x)} AS d_same,
    stored AND (${alive(r, y)}${feed.aliveBefore}) AS alive_before${feed.judged}
  FROM joined
), after AS (
  SELECT *, ${selectTuple(choose('n_new', n, r), 'ra')}, ${selectTuple(choose('d_new', d, x), 'da')},
    stored OR n_row IS NOT NULL AS stored_after, n_row IS NOT NULL AND NOT stored AS is_insert${feed.after} FROM judged
), settled AS (
  SELECT *, stored_after AND (${sourceAfter}${feed.aliveAfter}) AS alive_after${feed.settled} FROM after
)
SELECT pw_key, pw_month, n_row, stored, pw_file, pw_pos, known, lat_month, newest, n_new, d_new, n_same, d_same, d_row, lost_stale, lost_duplicate,
  alive_before, alive_after, stored_after, is_insert, CASE WHEN d_new THEN d_code ELSE x_code END AS code_after,
  ${[...nAfter, ...dAfter].join(', ')}${feed.columns},
  greatest(CASE WHEN n_new THEN n_0 END, CASE WHEN d_new THEN d_0 END${feed.version}) AS version_now,
  stored AND (n_new OR d_new${feed.isNew}) AS is_own,
  is_insert OR (stored AND ((n_new AND (alive_before OR alive_after)) OR alive_before <> alive_after)) AS is_set,
  NOT stored_after AND (d_new${feed.isNew}) AS is_tomb,
  is_insert AND pw_month = min(pw_month) FILTER (is_insert) OVER (PARTITION BY pw_key) AS is_first
FROM settled`;
}

/** One row with the case counts. */
export function caseCounts(shape: SummaryShape): string {
  const feed = feedCases(shape);
  return `SELECT
count(*) FILTER (is_insert AND NOT known AND is_first) AS "caseI",
count(*) FILTER (is_insert AND known AND pw_month > newest) AS "caseII",
count(*) FILTER (is_insert AND known AND pw_month <= newest) AS "caseIIIInsert",
count(*) FILTER (stored AND n_new) AS "caseIIIUpdate",
count(*) FILTER (is_insert AND NOT known AND NOT is_first) AS "caseIV",
count(*) FILTER (d_new AND stored_after) AS "delete",
count(*) FILTER (d_new AND NOT stored_after) AS "tombstone",
coalesce(sum(lost_stale + (n_row IS NOT NULL AND NOT n_new AND NOT n_same)::INTEGER + (d_row IS NOT NULL AND NOT d_new AND NOT d_same)::INTEGER${feed.stale}), 0)::BIGINT AS "stale",
coalesce(sum(lost_duplicate + (n_same AND NOT n_new)::INTEGER + (d_same AND NOT d_new)::INTEGER${feed.duplicate}), 0)::BIGINT AS "duplicate",
count(*) FILTER (stored AND NOT alive_before AND alive_after) AS "revived",
${feed.counts}
FROM pw_resolved`;
}

/** The same place stored twice: keys of which one is shown. */
export const storedTwice = {
  own: 'SELECT pw_key, pw_month FROM pw_own GROUP BY pw_key, pw_month HAVING count(*) > 1 LIMIT 1',
  latest: 'SELECT pw_key FROM pw_lat GROUP BY pw_key HAVING count(*) > 1 LIMIT 1',
} as const;
