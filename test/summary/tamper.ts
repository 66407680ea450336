import { randomBytes } from 'node:crypto';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { currentSchema, loadTable } from '../../lib/iceberg/index.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import type { LocalWorld } from '../../lib/run/local/local.ts';
import { type TableRole, tableIdentifier } from './tables.ts';

/** Changes the rows of every file of the table that a run has written; returns how many files. @param replace SQL of a `* REPLACE (…)` @param where rows that stay */
export async function tamperWritten(
  world: LocalWorld,
  role: TableRole,
  replace: string,
  where = 'true',
): Promise<number> {
  const identifier = tableIdentifier(role);
  const folder = `${world.rootPath}/warehouse/partwise/${identifier.name}/data`;
  const files = await readdir(folder, { recursive: true });
  const written = files.filter(
    (file) => /(^|\/)proof-[^/]+\.parquet$/.test(file) && !file.includes('-deletes'),
  );
  const table = await loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/tamper-${randomBytes(4).toString('hex')}`,
  });
  for (const file of written) {
    const path = join(folder, file);
    const copy = `${session.workFolder}/copy.parquet`;
    const select = `SELECT * REPLACE (${replace}) FROM read_parquet('${path}', hive_partitioning = false) WHERE ${where}`;
    await session.writeParquet({ select, path: copy, fieldIds: fieldIds(currentSchema(table)) });
    await rename(copy, path);
  }
  return written.length;
}
