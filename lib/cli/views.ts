import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineSession } from '../engine/engine.ts';
import { identifier, text } from '../engine/sql.ts';
import { currentSchema, type Table } from '../iceberg/index.ts';
import { toJson } from '../report/json.ts';
import type { World } from '../run/workload.ts';
import { liveRows, scanned } from '../upkeep/live-rows.ts';
import { checkRoom } from './room.ts';
import { fullName, scanFiles } from './tables.ts';

/** Makes a view of a snapshot's live rows; files without deletes are not joined with any. */
export async function createTableView(options: {
  readonly world: World;
  readonly session: EngineSession;
  readonly table: Table;
  readonly snapshotId: bigint | undefined;
  /** Schema-qualified names that the view gets. */
  readonly names: readonly string[];
}): Promise<void> {
  const { world, session, table, names } = options;
  const files = await scanFiles(world, table, options.snapshotId);
  await checkRoom({
    root: world.warehouse.root,
    workRoot: world.workRoot,
    table: fullName(table.identifier),
    sizes: files
      .flatMap(({ file, deletes }) => [file, ...deletes.map((one) => one.file)])
      .map(({ sizeBytes }) => sizeBytes),
  });
  const schema = currentSchema(table);
  const parts = [
    files.filter((file) => file.deletes.length === 0),
    files.filter((file) => file.deletes.length > 0),
  ];
  const selects: string[] = [];
  for (const part of parts) {
    if (part.length > 0 || (files.length === 0 && selects.length === 0)) {
      selects.push(
        `SELECT * FROM ${await liveRows({ store: world.warehouse, schema, files: part.map(scanned) })}`,
      );
    }
  }
  for (const name of names)
    await session.execute(`CREATE OR REPLACE VIEW ${name} AS ${selects.join(' UNION ALL ')}`);
}

/** Makes a table of records by way of a JSON lines file in the session's folder; the columns say what there is. */
export async function createRecordTable(options: {
  readonly session: EngineSession;
  readonly name: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly records:
    | AsyncIterable<Readonly<Record<string, unknown>>>
    | Iterable<Readonly<Record<string, unknown>>>;
}): Promise<void> {
  const { session, name, columns } = options;
  const path = join(session.workFolder, `${name}.jsonl`);
  let lines = '';
  await writeFile(path, '');
  for await (const record of options.records) {
    lines += `${toJson(record)}\n`;
    if (lines.length > 1 << 20) {
      await writeFile(path, lines, { flag: 'a' });
      lines = '';
    }
  }
  await writeFile(path, lines, { flag: 'a' });
  const types = Object.entries(columns).map(([column, type]) => `${identifier(column)}: ${text(type)}`);
  await session.execute(
    `CREATE TABLE ${identifier(name)} AS SELECT * FROM read_json(${text(path)}, format = 'newline_delimited', columns = {${types.join(', ')}})`,
  );
}
