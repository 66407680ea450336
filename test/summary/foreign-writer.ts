import { randomBytes } from 'node:crypto';
import {
  commitStaged,
  currentSchema,
  currentSnapshot,
  type DataFile,
  dataFileFromWritten,
  liveFiles,
  loadTable,
  type RemovedFile,
  specById,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import type { LocalWorld } from '../../lib/run/local/local.ts';
import { liveRows, scanned } from '../../lib/upkeep/live-rows.ts';
import { type TableRole, tableIdentifier } from './tables.ts';

/**
 * Another engine's statement on one of the tables: every live file's rows become what `change` selects from them, in one
 * snapshot that says nothing of any run. A file whose rows stay as they are is left alone.
 * @param change a SELECT of all columns of the table, in any order, of the parenthesised rows of a file; the second ones are
 * those of the whole table
 * @param changes `some`: a statement that changes nothing is a mistake of the test
 * @example await writeForeign(world, 'latest', (rows) => `SELECT * FROM ${rows} WHERE acct <> 'k1'`)
 */
export async function writeForeign(
  world: LocalWorld,
  role: TableRole,
  change: (rows: string, table: string) => string,
  changes: 'some' | 'any' = 'some',
): Promise<void> {
  const store = world.warehouse;
  const table = await loadTable({ store, catalog: world.catalog, identifier: tableIdentifier(role) });
  const schema = currentSchema(table);
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/foreign-${randomBytes(4).toString('hex')}`,
  });
  const scans = [];
  for await (const scan of liveFiles({ store, table, snapshotId: currentSnapshot(table)?.snapshotId }))
    scans.push(scan);
  const whole = await liveRows({ store, schema, files: scans.map(scanned) });
  const names = schema.fields.map(({ name }) => `"${name}"`).join(', ');
  const added: DataFile[] = [];
  const removed: RemovedFile[] = [];
  const removedDeletes: RemovedFile[] = [];
  for (const scan of scans) {
    const before = await liveRows({ store, schema, files: [scanned(scan)] });
    const after = `(SELECT ${names} FROM (${change(before, whole)}))`;
    const [same] = await session.query(
      `SELECT (SELECT count(*) FROM (FROM ${before} EXCEPT ALL FROM ${after})) + (SELECT count(*) FROM (FROM ${after} EXCEPT ALL FROM ${before})) AS n`,
    );
    if (Number(same?.['n']) === 0) continue;
    const name = `foreign-${randomBytes(8).toString('hex')}.parquet`;
    const [written] = await session.writeParquet({
      select: `SELECT * FROM ${after}`,
      path: `${session.workFolder}/${name}`,
      fieldIds: fieldIds(schema),
    });
    removed.push(scan.file);
    removedDeletes.push(...scan.deletes.map(({ file }) => file));
    if (written === undefined || written.rows === 0) continue;
    const location = `${table.metadata.location}/data/${name}`;
    await store.adopt(written.path, location);
    const spec = specById(table, scan.file.specId);
    added.push(dataFileFromWritten({ written, schema, spec, partition: scan.file.partition, location }));
  }
  if (removed.length === 0 && changes === 'some') throw new Error('the statement changes nothing');
  if (removed.length === 0) return;
  const staged = await stageCommit({
    store,
    table,
    changes: { added, removed, removedDeletes },
    operation: 'overwrite',
    clock: world.clock,
  });
  await commitStaged({ catalog: world.catalog, staged: [staged] });
}
