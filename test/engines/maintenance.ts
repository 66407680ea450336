import { localCatalogName } from '../../lib/run/local/local.ts';
import type { Engines } from './driver.ts';

/** The whole names: a first part that names a catalog is taken for it. */
const tables = ['proof_summary', 'proof_latest'].map((name) => `${localCatalogName}.partwise.${name}`);

/**
 * What Spark offers for the upkeep of a table with lists, all of it on both tables of a proof. Its rewrite of position deletes fails on
 * any such table in Iceberg 1.10 (https://github.com/apache/iceberg/issues/15080); rewritten data files leave none.
 */
export async function maintainBySpark(engines: Engines): Promise<void> {
  for (const table of tables)
    for (const procedure of [
      `rewrite_data_files(table => '${table}', options => map('rewrite-all', 'true'))`,
      `rewrite_manifests(table => '${table}')`,
      `expire_snapshots(table => '${table}', older_than => TIMESTAMP '2999-01-01 00:00:00', retain_last => 1)`,
    ])
      await engines.spark(`CALL ${localCatalogName}.system.${procedure}`);
}
