import { duckDb } from '../../engine/duckdb-dialect.ts';
import { identifier } from '../../engine/sql.ts';
import { type GroupResult, groupFiles, rewriteGroup, untouchedGroup } from '../apply/rewrite-group.ts';
import { scan } from '../files/reading.ts';
import { writeDataFile } from '../files/writing.ts';
import { changesTable } from '../sql/changes.ts';
import { storedAlive } from '../sql/feed.ts';
import { latestColumns } from '../sql/latest.ts';
import { of } from '../sql/names.ts';
import { finalHits, finalRows, finalTable, gatheredTable, linesTable, valuesTable } from '../sql/unified.ts';
import { storedNames } from '../tables/columns.ts';
import type { BucketSession } from './inputs.ts';
import type { InsertedCell } from './inserts.ts';
import type { LatestSource } from './latest.ts';
import { lendValues } from './lent.ts';

/** Strategy `unified`: one bucket in one unit, from all stored rows of the changed keys. */

/** Makes `pw_final`, every row of the changed keys as it is afterwards. */
export async function gather(bucket: BucketSession): Promise<void> {
  const { session, shape, files, context } = bucket;
  const [known] = await session.query(
    'SELECT count(*) AS n FROM pw_resolved WHERE known AND (is_set OR is_own)',
  );
  const stored = Number(known?.['n'] ?? 0) === 0 ? { files: [] } : {};
  await lendValues(bucket);
  await session.execute(changesTable(duckDb, shape, 'all'));
  await session.execute(gatheredTable(shape, scan(files.summary, stored)));
  await session.execute(valuesTable(shape));
  await session.execute(linesTable(shape));
  await session.execute(finalTable(shape, context.runId));
}

/** New rows, one data file per cell. */
export async function writeGatheredInserts(bucket: BucketSession): Promise<readonly InsertedCell[]> {
  const { session, shape, context, tables, spec, name } = bucket;
  const months = await session.query(
    `SELECT DISTINCT pw_month FROM pw_final WHERE pw_kind = 'insert' ORDER BY pw_month`,
  );
  const written: InsertedCell[] = [];
  for (const row of months) {
    const month = Number(row['pw_month']);
    const file = await writeDataFile({
      context,
      session,
      table: tables.summary,
      name,
      select: finalRows(shape, `pw_kind = 'insert' AND pw_month = ${month}`),
      cell: { month, bucket: spec.bucket },
    });
    if (file !== undefined) written.push({ month, file });
  }
  return written;
}

/** Rewrites the planned groups in which a row changed. */
export async function rewriteGathered(bucket: BucketSession): Promise<readonly GroupResult[]> {
  const { session, shape, context, spec, files, tables, name } = bucket;
  const touched = await session.query(`SELECT DISTINCT pw_file FROM pw_final WHERE pw_kind = 'changed'`);
  const numbers = new Set(touched.map((row) => Number(row['pw_file'])));
  const columns = storedNames(shape);
  const results: GroupResult[] = [];
  for (const group of spec.groups) {
    const options = { context, session, table: tables.summary, name, set: files.summary, group };
    const own = groupFiles(options);
    if (!own.some((file) => numbers.has(file.no))) {
      results.push(untouchedGroup(options));
      continue;
    }
    const ids = own.map((file) => file.no);
    await session.execute(finalHits(shape, ids));
    const changed = finalRows(shape, `pw_kind = 'changed' AND pw_file IN (${ids.join(', ')})`);
    const carried = `SELECT ${columns.map((column) => of('s', column)).join(', ')} FROM ${scan(files.summary, { files: own, columns })} AS s ANTI JOIN pw_hit AS h ON h.pw_file = s.pw_file AND h.pw_pos = s.pw_pos`;
    results.push(
      await rewriteGroup(options, { all: `${carried} UNION ALL ${changed}`, changed: () => changed }),
    );
  }
  return results;
}

/** Rows of latest, out of the final rows. */
export function gatheredLatest({ session, shape }: BucketSession): LatestSource {
  const state = storedAlive(duckDb, shape, 'g');
  const key = identifier(shape.key.name);
  return {
    findPlaces: () =>
      session.execute(
        `CREATE TEMP TABLE pw_places AS SELECT g.${key} AS pw_key, g.pw_month, g.pw_file, g.pw_pos, ${state} AS pw_alive FROM pw_gathered AS g`,
      ),
    rows: async () => [
      `SELECT ${latestColumns(duckDb, shape, 'f', 'x.newest_after')} FROM pw_final AS f JOIN pw_next AS x ON x.pw_key = f.${key} AND x.next = f.pw_month`,
    ],
  };
}
