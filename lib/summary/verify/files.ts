import { identifier, textList } from '../../engine/sql.ts';
import { liveRows, places, rowPlace } from '../../upkeep/live-rows.ts';
import { roles } from '../audit/state.ts';
import type { BucketTables } from './bucket.ts';

/**
 * What the manifests say of the bucket's files against the files: rows in the footer, the cell's month in every row, and
 * position deletes that name rows of live files.
 */
export async function verifyFiles(tables: BucketTables): Promise<void> {
  for (const role of roles) {
    const files = tables.files(role);
    if (files.length === 0) continue;
    const store = tables.world.warehouse;
    const byPath = new Map(
      await Promise.all(files.map(async (file) => [await store.localPath(file.location), file] as const)),
    );
    const footers = await tables.session.query(
      `SELECT file_name, num_rows FROM parquet_file_metadata(${textList([...byPath.keys()])})`,
    );
    for (const row of footers) {
      const file = byPath.get(String(row['file_name']));
      if (file === undefined || Number(row['num_rows']) === file.rows) continue;
      tables.findings.failed(
        'file counts',
        `${role} ${file.location}: ${file.rows} rows recorded, ${Number(row['num_rows'])} found`,
      );
    }
    await deletePositions(tables, role, byPath);
  }
  await months(tables);
}

async function deletePositions(
  tables: BucketTables,
  role: string,
  byPath: ReadonlyMap<
    string,
    { readonly location: string; readonly rows: number; readonly deletes: readonly string[] }
  >,
): Promise<void> {
  const { session, findings, world } = tables;
  const deleted = [...byPath.values()].filter((file) => file.deletes.length > 0);
  if (deleted.length === 0) return;
  const paths = await Promise.all(
    [...new Set(deleted.flatMap((file) => file.deletes))].map((one) => world.warehouse.localPath(one)),
  );
  const rows = await session.query(`SELECT no, count(*) AS n, max(pos) AS last
    FROM ${places(
      paths,
      deleted.map((file) => file.location),
    )} GROUP BY no`);
  for (const row of rows) {
    const file = deleted[Number(row['no'])];
    findings.checked('position deletes', Number(row['n']));
    if (file !== undefined && Number(row['last']) >= file.rows) {
      findings.failed(
        'position deletes',
        `${role} ${file.location}: position ${Number(row['last'])} of ${file.rows} rows`,
      );
    }
  }
}

async function months(tables: BucketTables): Promise<void> {
  const { session, shape, findings, world } = tables;
  const schema = tables.schemas.get('summary');
  const files = tables.files('summary');
  if (schema === undefined || files.length === 0) return;
  const month = identifier(shape.month.name);
  const source = await liveRows({
    store: world.warehouse,
    schema,
    files,
    columns: [shape.month.name],
    place: true,
  });
  const rows = await session.query(
    `SELECT ${rowPlace.file} AS file, count(*) AS n, min(${month}) AS first, max(${month}) AS last FROM ${source} GROUP BY ${rowPlace.file}`,
  );
  for (const row of rows) {
    const file = files[Number(row['file'])];
    findings.checked('months of cells', Number(row['n']));
    for (const found of new Set([row['first'], row['last']])) {
      if (file === undefined || found === file.month) continue;
      findings.failed('months of cells', `${file.location} of month ${file.month} holds ${String(found)}`);
    }
  }
}
