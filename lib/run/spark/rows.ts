import { IntegrityError } from '../../errors.ts';
import {
  type CreateTableOptions,
  checkFooter,
  currentSnapshot,
  liveFiles,
  loadTableAt,
  prepareCreateTable,
} from '../../iceberg/index.ts';
import type { DataFile, PartitionSpec, PartitionValue, Schema } from '../../iceberg/types.ts';
import { joinLocation, normalizeLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import type { RunContext } from '../workload.ts';

/**
 * Where Spark puts a unit's new rows: an Iceberg table of the unit's own in the run's folder, with the columns, field ids
 * and partitions of the real one. Iceberg's writer then checks types and partitions and writes ids that Spark's own leaves
 * out below lists, and its manifests tell the files with their statistics. Nobody but the unit ever reads that table.
 */
export interface SparkRows {
  /** Of the table's own metadata. */
  readonly location: Location;
}

const identifier = { namespace: 'unit', name: 'rows' };

interface CreateOptions {
  readonly context: Pick<RunContext, 'world'>;
  /** The real table. */
  readonly table: { readonly schema: Schema; readonly spec: PartitionSpec };
  /** Order of the rows of a file; default: none. */
  readonly sortOrder?: CreateTableOptions['sortOrder'];
  /** Of this attempt alone. */
  readonly location: Location;
  /** Folder of the data files. */
  readonly data: Location;
}

export async function createSparkRows(options: CreateOptions): Promise<SparkRows> {
  const { context, table, location, data, sortOrder } = options;
  const store = context.world.results;
  const staged = await prepareCreateTable({
    store,
    identifier,
    location,
    fields: table.schema.fields,
    partitionFields: table.spec.fields,
    ...(sortOrder === undefined ? {} : { sortOrder }),
    clock: context.world.clock,
    properties: {
      'write.format.default': 'parquet',
      'write.data.path': data,
      'write.parquet.compression-codec': 'zstd',
      'write.parquet.row-group-size-bytes': String(rowGroupBytes),
      'write.parquet.dict-size-bytes': String(dictionaryBytes),
      'write.distribution-mode': 'hash',
      'write.metadata.metrics.max-inferred-column-defaults': '10000',
      'write.metadata.delete-after-commit.enabled': 'false',
    },
  });
  // The name that a table without a catalog goes by.
  const first = joinLocation(location, 'metadata', 'v1.metadata.json');
  await store.write(first, await store.read(staged.table.metadataLocation));
  return { location };
}

/** Row groups of about 10,000 rows of a table with many lists: half the memory for those who read it. */
const rowGroupBytes = 16 * 2 ** 20;

/**
 * A dictionary pays as long as it is small. One of the writer's default of 2 MB is looked up for every entry of a row group and then mostly
 * given up, which costs more than all the rest of writing. This one keeps 8,000 numbers, four times as many as DuckDB's files do.
 */
const dictionaryBytes = 64 * 2 ** 10;

/** Files that the unit's last try wrote, as Iceberg's writer describes them. @throws IntegrityError when no try has ended */
export async function readSparkRows(
  context: Pick<RunContext, 'world'>,
  rows: SparkRows,
): Promise<readonly DataFile[]> {
  const store = context.world.results;
  let newest: { readonly version: number; readonly location: Location } | undefined;
  for await (const { location } of store.list(joinLocation(rows.location, 'metadata', 'v'))) {
    const version = Number(/\/v(\d+)\.metadata\.json$/.exec(location)?.[1] ?? 0);
    if (version > (newest?.version ?? 0)) newest = { version, location };
  }
  if (newest === undefined)
    throw new IntegrityError(`${rows.location} holds no table`, { safe: 'the tables are untouched' });
  const table = await loadTableAt({ store, identifier, metadataLocation: newest.location });
  const files: DataFile[] = [];
  for await (const { file } of liveFiles({ store, table, snapshotId: currentSnapshot(table)?.snapshotId }))
    files.push(file);
  return files;
}

interface TakeOptions {
  readonly context: Pick<RunContext, 'world'>;
  readonly table: { readonly schema: Schema; readonly spec: PartitionSpec };
  readonly described: DataFile;
  readonly partition: readonly PartitionValue[];
}

/**
 * Takes over a data file that another writer has described and put where it stays.
 * @throws IntegrityError when its footer says something else than the description and the table's schema
 */
export async function takeDataFile({ context, table, described, partition }: TakeOptions): Promise<DataFile> {
  const location = normalizeLocation(described.location);
  const store = context.world.warehouse;
  await checkFooter({ store, file: described, location, schema: table.schema });
  return { ...described, location, specId: table.spec.specId, partition };
}
