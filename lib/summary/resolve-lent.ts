import { fetchByPlaces, scan } from './reading.ts';
import type { BucketSession } from './resolve-inputs.ts';
import { lentColumn } from './sql/feed.ts';
import { of } from './sql/names.ts';

/**
 * `pw_lent` (pw_key, pw_month and one column per collected scalar): the stored records' values of months that the
 * deletions feed brings back. No record of the batch has them, and the rows of later months must show them again.
 */
export async function lendValues({ session, shape, files }: BucketSession): Promise<void> {
  if (shape.feed === undefined) return;
  await session.execute(
    'CREATE TEMP TABLE pw_lend AS SELECT pw_key, pw_month, pw_file, pw_pos FROM pw_resolved WHERE stored AND is_set AND alive_after AND NOT n_new',
  );
  const places = await session.query('SELECT DISTINCT pw_file FROM pw_lend');
  const numbers = new Set(places.map((row) => Number(row['pw_file'])));
  const chosen = files.summary.files.filter((file) => numbers.has(file.no));
  // Entry 0 of an array is the record's own value, whatever the row shows beside it.
  const arrays = new Map(shape.histories.map(({ name, from }) => [from, name]));
  const rows = scan(files.summary, { columns: [...arrays.values()], wanted: 'pw_lend', files: chosen });
  const values = [...arrays].map(([from, name]) => `${of('s', name)}[1] AS ${lentColumn(from)}`);
  await fetchByPlaces(
    session,
    `CREATE TEMP TABLE pw_lent AS SELECT w.pw_key, w.pw_month, ${values.join(', ')} FROM ${rows} AS s JOIN pw_lend AS w ON w.pw_file = s.pw_file AND w.pw_pos = s.pw_pos`,
  );
}
