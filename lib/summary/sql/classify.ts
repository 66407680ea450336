import type { Dialect } from '../../engine/dialect.ts';
import type { SummaryShape } from '../tables/columns.ts';
import { feedNames } from '../tables/feed-columns.ts';
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
import { batchTuple, registerTuple } from './names.ts';
import { alive, choose, newer, newestFirst, same, selectTuple, tupleOf } from './tuples.ts';

/**
 * From prepared rows to what becomes of each (key, month). Tables of the session, in order: pw_batch (the bucket's
 * prepared rows), pw_cand (one row per key and month), pw_own (stored rows of those months), pw_lat (the keys in
 * latest), pw_tomb (tombstones), pw_resolved; with a deletions feed also pw_feed, right after pw_batch.
 */

/** Prepared rows of a kind. */
export interface PreparedRows {
  /** FROM item; undefined when there is none. */
  readonly from: string | undefined;
  /** Which of its rows are meant. */
  readonly where: string;
}

/** Prepared rows of one bucket. In Spark also `pw_row`, since no table has row ids there. @param rows in Spark with places */
export function batchTable(dialect: Dialect, shape: SummaryShape, rows: PreparedRows): string {
  const { cast, identifier } = dialect;
  const scalars = shape.scalars.filter((column) => column.name !== shape.month.name);
  const columns = (value: (name: string) => string) => [
    `${cast(value('month_no'), 'int')} AS pw_month`,
    `${cast(value('is_delete'), 'boolean')} AS pw_is_delete`,
    `${cast(value('rec_hash'), 'long')} AS pw_hash`,
    ...scalars.map(
      ({ name, icebergType }) => `${cast(value(identifier(name)), icebergType)} AS ${identifier(name)}`,
    ),
  ];
  const row = (value: string) => (dialect.name === 'spark' ? [`${cast(value, 'long')} AS pw_row`] : []);
  const select =
    rows.from === undefined
      ? `SELECT ${[...columns(() => 'NULL'), ...row('NULL')].join(', ')} WHERE false`
      : `SELECT ${[...columns((name) => name), ...row(placeNumber)].join(', ')} FROM ${rows.from} WHERE ${rows.where}`;
  return dialect.keep('pw_batch', select);
}

/** File and row of a prepared row as one number; a file of ours has fewer than 2^40 rows. */
const placeNumber = '(file_index * 1099511627776 + file_row_number)';

/** The row id of a row of `pw_batch`. */
export function batchRow({ name }: Dialect, alias: string): string {
  return name === 'duckdb' ? `${alias}.rowid` : `${alias}.pw_row`;
}

/** The newest record and the newest delete of each key and month (as row ids of pw_batch), and how many lost. */
export function candidateTable(dialect: Dialect, shape: SummaryShape): string {
  const tuple = batchTuple(dialect, shape, 'b');
  const previous = tuple.map((part) => `lag(${part}) OVER w`);
  const key = dialect.column('b', shape.key.name);
  return dialect.keep(
    'pw_cand',
    `SELECT pw_key, pw_month,
max(pw_row) FILTER (WHERE pw_rank = 1 AND NOT pw_is_delete) AS n_row,
max(pw_row) FILTER (WHERE pw_rank = 1 AND pw_is_delete) AS d_row,
count(*) FILTER (WHERE pw_rank > 1 AND pw_again) AS lost_duplicate,
count(*) FILTER (WHERE pw_rank > 1 AND NOT pw_again) AS lost_stale
FROM (SELECT ${batchRow(dialect, 'b')} AS pw_row, ${key} AS pw_key, b.pw_month, b.pw_is_delete,
row_number() OVER w AS pw_rank, ${same(tuple, previous)} AS pw_again
FROM pw_batch AS b WINDOW w AS (PARTITION BY ${key}, b.pw_month, b.pw_is_delete ORDER BY ${newestFirst(tuple)}))
GROUP BY pw_key, pw_month${feedCandidates(dialect, shape)}`,
  );
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
export function ownTable(dialect: Dialect, shape: SummaryShape, rows: string): string {
  const { column: of } = dialect;
  const record = selectTuple(registerTuple(dialect, shape.record, 's'), 'r');
  const deletion = selectTuple(registerTuple(dialect, shape.deletion, 's'), 'y');
  const code = shape.feed === undefined ? codeOf(dialect, shape, 's') : of('s', feedNames.deleteCode);
  return dialect.keep(
    'pw_own',
    `SELECT ${of('s', shape.key.name)} AS pw_key, s.pw_month, s.pw_file, s.pw_pos,
${record}, ${deletion}, ${code} AS y_code${ownFeed(dialect, shape, 's')}
FROM ${rows} AS s SEMI JOIN pw_cand AS c ON c.pw_key = ${of('s', shape.key.name)} AND c.pw_month = s.pw_month`,
  );
}

/** Place, month and state of the keys' rows in latest. @param rows scan of the bucket's latest files */
export function latestTable(dialect: Dialect, shape: SummaryShape, rows: string): string {
  const { column: of } = dialect;
  const month = of('s', shape.month.name);
  return dialect.keep(
    'pw_lat',
    `SELECT ${of('s', shape.key.name)} AS pw_key, s.pw_file, s.pw_pos,
${monthNumberSql(dialect, month)} AS lat_month, ${monthNumberSql(dialect, `coalesce(s.pw_newest_month, ${month})`)} AS newest,
${storedAlive(dialect, shape, 's')} AS lat_alive
FROM ${rows} AS s WHERE ${of('s', shape.key.name)} IN (SELECT pw_key FROM pw_cand)`,
  );
}

export function tombstoneTable(dialect: Dialect, shape: SummaryShape, rows: string): string {
  const { column: of } = dialect;
  return dialect.keep(
    'pw_tomb',
    `SELECT ${of('s', shape.key.name)} AS pw_key, ${monthNumberSql(dialect, of('s', shape.month.name))} AS pw_month, s.pw_del_code AS t_code,
${selectTuple(registerTuple(dialect, shape.deletion, 's'), 't')}, s.changed_run AS t_run${tombstoneFeed(dialect, shape, 's')} FROM ${rows} AS s`,
  );
}

function codeOf(dialect: Dialect, shape: SummaryShape, alias: string): string {
  const code = shape.deleteColumn === undefined ? 'NULL' : dialect.column(alias, shape.deleteColumn);
  return dialect.cast(code, 'string');
}

/** What becomes of each candidate: registers before and after, alive before and after, its case. */
export function resolvedTable(dialect: Dialect, shape: SummaryShape, onStale: 'ignore' | 'apply'): string {
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
  const feed = feedSteps(dialect, shape, sourceAfter);
  const applies = onStale === 'apply' ? `NOT ${same(n, r)}` : newer(n, r);
  const tuples = {
    n: selectTuple(batchTuple(dialect, shape, 'n'), 'n'),
    d: selectTuple(batchTuple(dialect, shape, 'd'), 'd'),
    x: selectTuple(choose(tombNewer, tomb, ownDelete), 'x'),
  };
  return dialect.keep(
    'pw_resolved',
    `
WITH joined AS (
  SELECT c.*, o.pw_key IS NOT NULL AS stored, o.pw_file, o.pw_pos, l.pw_key IS NOT NULL AS known, l.lat_month, l.newest,
    ${tuples.n}, ${tuples.d}, ${codeOf(dialect, shape, 'd')} AS d_code,
    ${selectTuple(tupleOf('r', length, 'o'), 'r')}, ${selectTuple(ownDelete, 'y')},
    ${tuples.x}, CASE WHEN ${tombNewer} THEN t.t_code ELSE ${dialect.cast('o.y_code', 'string')} END AS x_code${feed.joined}
  FROM pw_cand AS c
  LEFT JOIN pw_batch AS n ON ${batchRow(dialect, 'n')} = c.n_row
  LEFT JOIN pw_batch AS d ON ${batchRow(dialect, 'd')} = c.d_row
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
  is_insert AND pw_month = min(CASE WHEN is_insert THEN pw_month END) OVER (PARTITION BY pw_key) AS is_first
FROM settled`,
  );
}

/** One row with the case counts. */
export function caseCounts(dialect: Dialect, shape: SummaryShape): string {
  const feed = feedCases(dialect, shape);
  const sum = (terms: readonly string[], more: string) => {
    const ones = terms.map((term) => dialect.cast(`(${term})`, 'int')).join(' + ');
    return ` + ${ones}${more}`;
  };
  const stale = sum(
    ['n_row IS NOT NULL AND NOT n_new AND NOT n_same', 'd_row IS NOT NULL AND NOT d_new AND NOT d_same'],
    feed.stale,
  );
  const duplicate = sum(['n_same AND NOT n_new', 'd_same AND NOT d_new'], feed.duplicate);
  const counts = {
    caseI: 'count(*) FILTER (WHERE is_insert AND NOT known AND is_first)',
    caseII: 'count(*) FILTER (WHERE is_insert AND known AND pw_month > newest)',
    caseIIIInsert: 'count(*) FILTER (WHERE is_insert AND known AND pw_month <= newest)',
    caseIIIUpdate: 'count(*) FILTER (WHERE stored AND n_new)',
    caseIV: 'count(*) FILTER (WHERE is_insert AND NOT known AND NOT is_first)',
    delete: 'count(*) FILTER (WHERE d_new AND stored_after)',
    tombstone: 'count(*) FILTER (WHERE d_new AND NOT stored_after)',
    stale: dialect.cast(`coalesce(sum(lost_stale${stale}), 0)`, 'long'),
    duplicate: dialect.cast(`coalesce(sum(lost_duplicate${duplicate}), 0)`, 'long'),
    revived: 'count(*) FILTER (WHERE stored AND NOT alive_before AND alive_after)',
    ...feed.counts,
  };
  const columns = Object.entries(counts).map(([name, count]) => `${count} AS ${dialect.identifier(name)}`);
  return `SELECT
${columns.join(',\n')}
FROM pw_resolved`;
}

/** The same place stored twice: keys of which one is shown. */
export const storedTwice = {
  own: 'SELECT pw_key, pw_month FROM pw_own GROUP BY pw_key, pw_month HAVING count(*) > 1 LIMIT 1',
  latest: 'SELECT pw_key FROM pw_lat GROUP BY pw_key HAVING count(*) > 1 LIMIT 1',
} as const;
