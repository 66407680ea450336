import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import { tableChange } from '../files/file-changes.ts';
import { deadRows, fetchByPlaces, openFiles, scan } from '../files/reading.ts';
import { writeDataFile } from '../files/writing.ts';
import { registerColumnNames } from '../sql/classify.ts';
import {
  carriedLatest,
  foundTable,
  goneOfLatest,
  keysTable,
  latestColumns,
  nextOfLatest,
  nextOfSummary,
  nextRows,
  nextTable,
  searchedKeys,
} from '../sql/latest.ts';
import { of } from '../sql/names.ts';
import { storedPlaces } from '../sql/neighbours.ts';
import { patched } from '../sql/patch.ts';
import { newestMonth, storedNames } from '../tables/columns.ts';
import type { ResolveOutcome } from '../types.ts';
import type { BucketSession } from './inputs.ts';
import type { InsertedCell } from './inserts.ts';
import { copiesLatest, deleteOldRows, refuseOtherCount } from './replace-latest.ts';

interface LatestResult {
  readonly change: TableChange | undefined;
  readonly facts: ResolveOutcome['latest'];
}

/** Where the rows come from that latest holds afterwards. */
export interface LatestSource {
  /** Makes `pw_places`: stored rows of the keys whose latest row dies (pw_key, pw_month, pw_file, pw_pos, pw_alive). */
  readonly findPlaces: () => Promise<void>;
  /** SELECTs of all columns of latest that together give one row for each of `pw_next`. */
  readonly rows: () => Promise<readonly string[]>;
}

/** Brings latest up to date for the keys that the batch changed. */
export async function writeLatest(bucket: BucketSession, source: LatestSource): Promise<LatestResult> {
  const { session, shape, files, spec } = bucket;
  await session.execute(keysTable(duckDb));
  const [searched] = await session.query(`SELECT count(*) AS n FROM (${searchedKeys})`);
  const searches = Number(searched?.['n'] ?? 0) > 0;
  if (searches) {
    await source.findPlaces();
    await session.execute(foundTable(duckDb, 'pw_places'));
  }
  await session.execute(nextTable(duckDb, shape.historyLength, searches));

  const dead = await deadRows(session, files.latest);
  const total = spec.latest.reduce((sum, file) => sum + file.rows, 0);
  const liveBefore = total - [...dead.values()].reduce((a, b) => a + b, 0);
  const [counts] = await session.query(
    'SELECT count(*) AS n, count(*) FILTER (known) AS removed FROM pw_next',
  );
  const facts = { liveBefore, removed: Number(counts?.['removed'] ?? 0), added: Number(counts?.['n'] ?? 0) };
  if (facts.added === 0) return { change: undefined, facts };
  return { change: await replaceRows(bucket, await source.rows(), facts), facts };
}

/** For rows that are patched from the change set. Needs `pw_changes` and `pw_lists` for stored rows. */
export function patchedLatest(bucket: BucketSession, inserted: readonly InsertedCell[]): LatestSource {
  return { findPlaces: () => findPlaces(bucket), rows: () => newRows(bucket, inserted) };
}

/** `pw_places` for the keys whose latest row dies. */
async function findPlaces(bucket: BucketSession): Promise<void> {
  const { session, shape, files } = bucket;
  const rows = scan(files.summary, { columns: registerColumnNames(shape) });
  await session.execute(duckDb.keep('pw_places', storedPlaces(duckDb, shape, rows, searchedKeys)));
}

/** SELECTs that together give the new latest rows. */
async function newRows(bucket: BucketSession, inserted: readonly InsertedCell[]): Promise<readonly string[]> {
  const { session, shape, files, context } = bucket;
  const key = shape.key.name;
  const parts: string[] = [];
  if (inserted.length > 0) {
    const set = await openFiles({
      session,
      store: context.world.warehouse,
      name: 'pw_inserted',
      schema: bucket.tables.summary.schema,
      files: inserted.map(({ month, file }) => ({ ...file, month, deletes: [], partition: [] })),
    });
    parts.push(
      `SELECT ${latestColumns(duckDb, shape, 's', 'x.newest_after')} FROM ${scan(set, { columns: storedNames(shape) })} AS s JOIN pw_next AS x ON x.pw_key = ${of('s', key)} AND x.next = s.pw_month WHERE x.source = 'insert'`,
    );
  }
  const stored = await session.query(
    `SELECT DISTINCT next, source FROM pw_next WHERE source <> 'insert' ORDER BY next, source`,
  );
  if (stored.length === 0) return parts;

  await session.execute(nextOfLatest(duckDb));
  await session.execute(nextOfSummary(duckDb, (await hasPlaces(bucket)) ? 'pw_places' : undefined));
  const columns = storedNames(shape);
  const fetch = (set: typeof files.summary, wanted: 'pw_from_latest' | 'pw_from_summary') =>
    nextRows(duckDb, shape, wanted, scan(set, { columns, wanted }));
  const used = (await session.query('SELECT DISTINCT pw_file FROM pw_from_summary')).map((row) =>
    Number(row['pw_file']),
  );
  const summaryFiles = {
    ...files.summary,
    files: files.summary.files.filter((file) => used.includes(file.no)),
  };
  await fetchByPlaces(
    session,
    `CREATE TEMP TABLE pw_stored_next AS ${fetch(files.latest, 'pw_from_latest')} UNION ALL ${fetch(summaryFiles, 'pw_from_summary')}`,
  );
  await patchStored(bucket);
  parts.push(
    `SELECT ${latestColumns(duckDb, shape, 's', 'x.newest_after')} FROM pw_latest_new AS s JOIN pw_next AS x ON x.pw_key = ${of('s', key)}`,
  );
  return parts;
}

async function hasPlaces({ session }: BucketSession): Promise<boolean> {
  const [places] = await session.query(
    `SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'pw_places'`,
  );
  return Number(places?.['n'] ?? 0) > 0;
}

/** `pw_latest_new`: the stored rows with the batch's changes, month by month because positions depend on it. */
async function patchStored(bucket: BucketSession): Promise<void> {
  const { session, shape, context } = bucket;
  const months = await session.query('SELECT DISTINCT pw_next_month AS m FROM pw_stored_next ORDER BY m');
  const changed = (await session.query('SELECT DISTINCT pw_month AS m FROM pw_changes WHERE pw_set')).map(
    (row) => Number(row['m']),
  );
  for (const [index, row] of months.entries()) {
    const month = Number(row['m']);
    const select = patched({
      dialect: duckDb,
      shape,
      month,
      months: changed.filter((other) => other < month && other > month - shape.historyLength),
      from: `(SELECT * EXCLUDE (pw_next_month) FROM pw_stored_next WHERE pw_next_month = ${month})`,
      carry: true,
      runId: context.runId,
    });
    await session.execute(
      index === 0 ? `CREATE TEMP TABLE pw_latest_new AS ${select}` : `INSERT INTO pw_latest_new ${select}`,
    );
  }
}

/** Writes the new rows and takes the old ones away, by position deletes or by rewriting the bucket's files. */
async function replaceRows(
  bucket: BucketSession,
  parts: readonly string[],
  counts: ResolveOutcome['latest'],
): Promise<TableChange> {
  const { session, context, spec, files, shape, tables } = bucket;
  const rows = parts.join(' UNION ALL ');
  const copied = copiesLatest(context.config.work, spec.latest, counts);
  const select = copied
    ? [
        rows,
        ...(counts.removed === counts.liveBefore ? [] : [carriedLatest(duckDb, shape, scanAll(bucket))]),
      ].join(' UNION ALL ')
    : rows;
  const file = await writeDataFile({
    context,
    session,
    table: tables.latest,
    name: bucket.name,
    select,
    cell: { bucket: spec.bucket },
  });
  const added = file === undefined ? [] : [file];
  refuseOtherCount(copied, counts, added);
  if (copied) return tableChange({ role: 'latest', added, removed: spec.latest });
  const old = await deleteOldRows({
    context,
    session,
    table: tables.latest,
    name: bucket.name,
    set: files.latest,
    gone: goneOfLatest,
  });
  return tableChange({ role: 'latest', added, ...old });
}

function scanAll({ files, shape }: BucketSession): string {
  return scan(files.latest, { columns: [...storedNames(shape), newestMonth] });
}
