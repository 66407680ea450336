import { duckDb } from '../../engine/duckdb-dialect.ts';
import { fetchByPlaces, scan } from '../files/reading.ts';
import { lendTable, lentArrays, lentValues } from '../sql/lent.ts';
import type { BucketSession } from './inputs.ts';

/**
 * `pw_lent` (pw_key, pw_month and one column per collected scalar): the stored records' values of months that the
 * deletions feed brings back. No record of the batch has them, and the rows of later months must show them again.
 */
export async function lendValues({ session, shape, files }: BucketSession): Promise<void> {
  if (shape.feed === undefined) return;
  await session.execute(lendTable(duckDb));
  const places = await session.query('SELECT DISTINCT pw_file FROM pw_lend');
  const numbers = new Set(places.map((row) => Number(row['pw_file'])));
  const chosen = files.summary.files.filter((file) => numbers.has(file.no));
  const arrays = [...lentArrays(shape).values()];
  const rows = scan(files.summary, { columns: arrays, wanted: 'pw_lend', files: chosen });
  await fetchByPlaces(session, duckDb.keep('pw_lent', lentValues(duckDb, shape, rows)));
}
