import { identifier } from '../../engine/sql.ts';
import { storedNames } from '../tables/columns.ts';
import { type BucketTables, keysOnce, latestEqual, latestNewest, narrowRows, rows } from './bucket.ts';
import { verifyFiles } from './files.ts';

/** Whether latest of one bucket is what summary says: the newest alive row of every key, once, in every column. */
export async function verifyLatest(tables: BucketTables): Promise<void> {
  await verifyFiles({ ...tables, files: (role) => (role === 'latest' ? tables.files(role) : []) });
  await narrowRows(tables);
  await keysOnce(tables);
  await latestNewest(tables);
  const { shape } = tables;
  const [key, month] = [identifier(shape.key.name), identifier(shape.month.name)];
  await tables.session.execute(`CREATE OR REPLACE TEMP TABLE facts AS
    SELECT r.${key} AS k, r.${month} AS m, hash(${storedNames(shape)
      .map((name) => `r.${identifier(name)}`)
      .join(', ')}) AS h
    FROM ${await rows(tables, 'summary', storedNames(shape))} AS r SEMI JOIN wanted AS w ON r.${key} = w.k AND r.${month} = w.m`);
  await latestEqual(tables);
}
