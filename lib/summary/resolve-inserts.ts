import { identifier } from '../engine/sql.ts';
import type { DataFile } from '../iceberg/types.ts';
import { fetchByPlaces, scan } from './reading.ts';
import type { BucketSession } from './resolve-inputs.ts';
import { registerColumnNames } from './sql/classify.ts';
import { storedAlive } from './sql/feed.ts';
import { insertSelect, insertsTable, newKeyLines, searchedInserts } from './sql/inserts.ts';
import { of } from './sql/names.ts';
import { writeDataFile } from './writing.ts';

export interface InsertedCell {
  readonly month: number;
  readonly file: DataFile;
}

/** Places of all stored rows of some keys: `pw_stored` (pw_key, pw_month, pw_file, pw_pos, pw_alive). */
async function findStored(bucket: BucketSession, keys: string): Promise<void> {
  const { session, shape, files } = bucket;
  const rows = scan(files.summary, { columns: registerColumnNames(shape) });
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE pw_stored AS SELECT ${of('s', shape.key.name)} AS pw_key, s.pw_month, s.pw_file, s.pw_pos, ${storedAlive(shape, 's')} AS pw_alive FROM ${rows} AS s WHERE ${of('s', shape.key.name)} IN (${keys})`,
  );
}

/**
 * Writes the new rows of months that were not stored, one data file per cell. Needs `pw_lists` when the batch has
 * more than one changed month.
 */
export async function writeInserts(bucket: BucketSession): Promise<readonly InsertedCell[]> {
  const { session, context, shape, spec } = bucket;
  const length = shape.historyLength;
  const [any] = await session.query(
    `SELECT count(*) AS n, count(*) FILTER (known) AS known FROM pw_resolved WHERE is_insert`,
  );
  if (Number(any?.['n'] ?? 0) === 0) return [];
  const known = Number(any?.['known'] ?? 0) > 0;
  const [searched] = known ? await session.query(`SELECT count(*) AS n FROM (${searchedInserts})`) : [];
  const searches = Number(searched?.['n'] ?? 0) > 0;
  if (searches) await findNeighbours(bucket);
  await session.execute(insertsTable(searches));
  if (known) await fetchSources(bucket, searches);

  const months = await session.query(
    `SELECT pw_month, count(earlier) > 0 AS has_earlier, count(later) > 0 AS has_later, count(*) FILTER (known) AS known, count(*) FILTER (NOT known) AS fresh FROM pw_ins GROUP BY pw_month ORDER BY pw_month`,
  );
  const changed = (
    await session.query('SELECT DISTINCT pw_month FROM pw_resolved WHERE is_set ORDER BY pw_month')
  ).map((row) => Number(row['pw_month']));
  const fresh = months.filter((row) => Number(row['fresh']) > 0).map((row) => Number(row['pw_month']));
  const lineStart = fresh.at(-1) ?? 0;
  const lines = worthLines(fresh);
  if (lines) await session.execute(newKeyLines(shape, fresh[0] ?? lineStart, lineStart));
  const written: InsertedCell[] = [];
  for (const row of months) {
    const month = Number(row['pw_month']);
    const options = {
      shape,
      month,
      months: changed.filter((other) => other < month && other > month - length),
      hasEarlier: row['has_earlier'] === true,
      hasLater: row['has_later'] === true,
      runId: context.runId,
      lineStart,
    };
    const kinds = lines
      ? [
          ...(Number(row['known']) > 0 ? (['known'] as const) : []),
          ...(fresh.includes(month) ? (['new'] as const) : []),
        ]
      : (['all'] as const);
    const select = kinds.map((keys) => insertSelect({ ...options, keys })).join(' UNION ALL ');
    const file = await writeDataFile({
      context,
      session,
      table: bucket.tables.summary,
      name: bucket.name,
      select,
      cell: { month, bucket: spec.bucket },
    });
    if (file !== undefined) written.push({ month, file });
  }
  return written;
}

/** Lines pay when most of their entries are months of the batch. */
function worthLines(months: readonly number[]): boolean {
  const span = (months.at(-1) ?? 0) - (months[0] ?? 0) + 1;
  return months.length > 2 && span <= 2 * months.length + 12;
}

/** `pw_near`: the nearest earlier and later stored months of inserts that latest cannot tell about. */
async function findNeighbours(bucket: BucketSession): Promise<void> {
  const { session, shape } = bucket;
  const reach = shape.historyLength - 1;
  await findStored(bucket, `SELECT pw_key FROM (${searchedInserts})`);
  await session.execute(
    `CREATE TEMP TABLE pw_near AS SELECT i.pw_key, i.pw_month, max(s.pw_month) FILTER (s.pw_month < i.pw_month) AS earlier, min(s.pw_month) FILTER (s.pw_month > i.pw_month) AS later FROM (${searchedInserts}) AS i LEFT JOIN pw_stored AS s ON s.pw_key = i.pw_key AND s.pw_month BETWEEN i.pw_month - ${reach} AND i.pw_month + ${reach} GROUP BY i.pw_key, i.pw_month`,
  );
}

/** `pw_src`: the arrays of the neighbours, from latest where its row is meant, else from the summary. */
async function fetchSources(bucket: BucketSession, searches: boolean): Promise<void> {
  const { session, shape, files } = bucket;
  const arrays = shape.histories.map((column) => column.name);
  const list = arrays.map(identifier).join(', ');
  const wanted =
    'SELECT pw_key, earlier AS pw_month FROM pw_ins WHERE earlier IS NOT NULL UNION SELECT pw_key, later FROM pw_ins WHERE later IS NOT NULL';
  await session.execute(`CREATE TEMP TABLE pw_neighbour AS ${wanted}`);
  await session.execute(
    `CREATE TEMP TABLE pw_want_latest AS SELECT n.pw_key, n.pw_month, l.pw_file, l.pw_pos, l.lat_alive FROM pw_neighbour AS n JOIN pw_lat AS l ON l.pw_key = n.pw_key AND l.lat_month = n.pw_month`,
  );
  const fetched = [
    `SELECT w.pw_key, w.pw_month, w.lat_alive AS pw_alive, ${list} FROM ${scan(files.latest, { columns: arrays, wanted: 'pw_want_latest' })} AS s JOIN pw_want_latest AS w ON w.pw_file = s.pw_file AND w.pw_pos = s.pw_pos`,
  ];
  if (searches) {
    await session.execute(
      `CREATE TEMP TABLE pw_want_summary AS SELECT n.pw_key, n.pw_month, s.pw_file, s.pw_pos, s.pw_alive FROM pw_neighbour AS n JOIN pw_stored AS s ON s.pw_key = n.pw_key AND s.pw_month = n.pw_month ANTI JOIN pw_want_latest AS l ON l.pw_key = n.pw_key AND l.pw_month = n.pw_month`,
    );
    const places = await session.query('SELECT DISTINCT pw_file FROM pw_want_summary');
    const numbers = new Set(places.map((row) => Number(row['pw_file'])));
    const chosen = files.summary.files.filter((file) => numbers.has(file.no));
    fetched.push(
      `SELECT w.pw_key, w.pw_month, w.pw_alive, ${list} FROM ${scan(files.summary, { columns: arrays, wanted: 'pw_want_summary', files: chosen })} AS s JOIN pw_want_summary AS w ON w.pw_file = s.pw_file AND w.pw_pos = s.pw_pos`,
    );
  }
  await fetchByPlaces(session, `CREATE TEMP TABLE pw_src AS ${fetched.join(' UNION ALL ')}`);
}
