import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { DataFile } from '../../iceberg/types.ts';
import { fetchByPlaces, scan } from '../files/reading.ts';
import { writeDataFile } from '../files/writing.ts';
import { registerColumnNames } from '../sql/classify.ts';
import { insertSelect, insertsTable, newKeyLines, searchedInserts, worthLines } from '../sql/inserts.ts';
import {
  nearTable,
  neighbourTable,
  sourceArrays,
  storedPlaces,
  wantedOfLatest,
  wantedOfSummary,
} from '../sql/neighbours.ts';
import type { BucketSession } from './inputs.ts';

export interface InsertedCell {
  readonly month: number;
  readonly file: DataFile;
}

/** Places of all stored rows of some keys: `pw_stored` (pw_key, pw_month, pw_file, pw_pos, pw_alive). */
async function findStored(bucket: BucketSession, keys: string): Promise<void> {
  const { session, shape, files } = bucket;
  const rows = scan(files.summary, { columns: registerColumnNames(shape) });
  await session.execute(duckDb.keep('pw_stored', storedPlaces(duckDb, shape, rows, keys)));
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
  await session.execute(insertsTable(duckDb, searches));
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

/** `pw_near`: the nearest earlier and later stored months of inserts that latest cannot tell about. */
async function findNeighbours(bucket: BucketSession): Promise<void> {
  const { session, shape } = bucket;
  await findStored(bucket, `SELECT pw_key FROM (${searchedInserts})`);
  await session.execute(nearTable(duckDb, shape.historyLength));
}

/** `pw_src`: the arrays of the neighbours, from latest where its row is meant, else from the summary. */
async function fetchSources(bucket: BucketSession, searches: boolean): Promise<void> {
  const { session, shape, files } = bucket;
  const columns = shape.histories.map((column) => column.name);
  await session.execute(neighbourTable(duckDb));
  await session.execute(wantedOfLatest(duckDb));
  const fetched = [
    sourceArrays(duckDb, shape, 'pw_want_latest', scan(files.latest, { columns, wanted: 'pw_want_latest' })),
  ];
  if (searches) {
    await session.execute(wantedOfSummary(duckDb));
    const places = await session.query('SELECT DISTINCT pw_file FROM pw_want_summary');
    const numbers = new Set(places.map((row) => Number(row['pw_file'])));
    const chosen = files.summary.files.filter((file) => numbers.has(file.no));
    fetched.push(
      sourceArrays(
        duckDb,
        shape,
        'pw_want_summary',
        scan(files.summary, { columns, wanted: 'pw_want_summary', files: chosen }),
      ),
    );
  }
  await fetchByPlaces(session, duckDb.keep('pw_src', fetched.join(' UNION ALL ')));
}
