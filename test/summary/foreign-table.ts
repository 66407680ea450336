import { randomBytes } from 'node:crypto';
import {
  commitStaged,
  createTable,
  currentSchema,
  currentSnapshot,
  currentSpec,
  type DataFile,
  dataFileFromWritten,
  type Field,
  liveFiles,
  loadTable,
  type PartitionField,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import type { LocalWorld } from '../../lib/run/local/local.ts';
import { liveRows, scanned } from '../../lib/upkeep/live-rows.ts';
import { type TableRole, tableIdentifier } from './tables.ts';

interface ForeignOptions {
  /** Columns that the other system's table has, of ours; default all. In its own order, the reverse of ours. */
  readonly columns?: (field: Field) => boolean;
  /** SQL of a `* REPLACE (…)` on the rows of every file. */
  readonly replace?: string;
  /** Only identity(month). */
  readonly monthsOnly?: boolean;
}

/** Puts a table that another system could have made in the place of ours: its rows, other columns and ids, no properties. */
export async function makeForeign(
  world: LocalWorld,
  role: TableRole,
  options: ForeignOptions = {},
): Promise<void> {
  const { columns = () => true, replace, monthsOnly = false } = options;
  const store = world.warehouse;
  const stores = { store, catalog: world.catalog };
  const identifier = tableIdentifier(role);
  const ours = await loadTable({ ...stores, identifier });
  const schema = currentSchema(ours);
  await world.catalog.drop(identifier);
  const chosen = schema.fields.filter(columns).toReversed();
  const fields = chosen.map(
    (field, index): Field => ({
      ...field,
      id: index + 1,
      required: false,
      type:
        typeof field.type === 'object'
          ? ({ ...field.type, elementId: chosen.length + index + 1 } as Field['type'])
          : field.type,
    }),
  );
  const partitionFields = currentSpec(ours)
    .fields.slice(0, monthsOnly ? 1 : undefined)
    .map((field): PartitionField => {
      const name = schema.fields.find(({ id }) => id === field.sourceId)?.name;
      return { ...field, sourceId: fields.find((one) => one.name === name)?.id ?? 0 };
    });
  const location = `${store.root}/foreign/${identifier.name}-${randomBytes(4).toString('hex')}`;
  const table = await createTable({
    ...stores,
    clock: world.clock,
    identifier,
    location,
    fields,
    partitionFields,
  });
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/foreign-${randomBytes(4).toString('hex')}`,
  });
  const added: DataFile[] = [];
  for await (const scan of liveFiles({ store, table: ours, snapshotId: currentSnapshot(ours)?.snapshotId })) {
    const rows = await liveRows({ store, schema, files: [scanned(scan)] });
    const name = `${randomBytes(8).toString('hex')}.parquet`;
    const [written] = await session.writeParquet({
      select: `SELECT ${fields.map((field) => `"${field.name}"`).join(', ')} FROM (SELECT *${replace === undefined ? '' : ` REPLACE (${replace})`} FROM ${rows})`,
      path: `${session.workFolder}/${name}`,
      fieldIds: fieldIds({ fields }),
    });
    if (written === undefined) continue;
    await store.adopt(written.path, `${location}/data/${name}`);
    const partition = scan.file.partition.slice(0, monthsOnly ? 1 : undefined);
    added.push(
      dataFileFromWritten({
        written,
        schema: currentSchema(table),
        spec: currentSpec(table),
        partition,
        location: `${location}/data/${name}`,
      }),
    );
  }
  const staged = await stageCommit({
    store,
    table,
    changes: { added },
    operation: 'append',
    clock: world.clock,
  });
  await commitStaged({ catalog: world.catalog, staged: [staged] });
}
