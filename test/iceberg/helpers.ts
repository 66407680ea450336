import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type CreateTableOptions,
  commitStaged,
  createTable,
  type DataFile,
  type Field,
  liveFiles,
  loadTable,
  type PartitionField,
  type PartitionValue,
  type ScanFile,
  type StageCommitOptions,
  stageCommit,
  type Table,
} from '../../lib/iceberg/index.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import type { CatalogPointer, Clock, ObjectStore } from '../../lib/stores/ports.ts';
import { openSqliteCatalog } from '../../lib/stores/sqlite/catalog.ts';

export const identifier = { namespace: 'ns', name: 't' };

export const fields: readonly Field[] = [
  { id: 1, name: 'key', required: true, type: 'string' },
  { id: 2, name: 'month', required: false, type: 'string' },
  { id: 3, name: 'value', required: false, type: 'long' },
];

export const partitionFields: readonly PartitionField[] = [
  { sourceId: 2, fieldId: 1000, name: 'month', transform: 'identity' },
  { sourceId: 1, fieldId: 1001, name: 'key_bucket', transform: 'bucket[4]' },
];

/** A clock that moves one second at each look. */
export function steppingClock(start = Date.UTC(2026, 0, 1)): Clock & { advance(ms: number): void } {
  let now = start;
  return {
    now: () => {
      now += 1_000;
      return now;
    },
    advance: (ms) => {
      now += ms;
    },
  };
}

export interface Warehouse {
  readonly folder: string;
  readonly store: ObjectStore;
  readonly catalog: CatalogPointer;
  readonly clock: ReturnType<typeof steppingClock>;
  create(options?: Partial<CreateTableOptions>): Promise<Table>;
  load(): Promise<Table>;
  /** Stages on the newest table and commits. */
  commit(options: Partial<StageCommitOptions> & Pick<StageCommitOptions, 'changes'>): Promise<Table>;
}

export async function warehouse(): Promise<Warehouse> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-iceberg-'));
  const store = await openDirectoryStore({ path: join(folder, 'warehouse') });
  const catalog = await openSqliteCatalog({ path: join(folder, 'catalog.db'), name: 'local' });
  onTestFinished(async () => {
    catalog[Symbol.dispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const clock = steppingClock();
  const load = () => loadTable({ store, catalog, identifier });
  return {
    folder,
    store,
    catalog,
    clock,
    load,
    create: (options = {}) =>
      createTable({
        store,
        catalog,
        identifier,
        location: joinLocation(store.root, 'ns', 't'),
        fields,
        partitionFields,
        clock,
        ...options,
      }),
    commit: async (options) => {
      const staged = await stageCommit({
        store,
        clock,
        table: await load(),
        operation: 'append',
        ...options,
      });
      const [table] = await commitStaged({ catalog, store, staged: [staged] });
      if (table === undefined) throw new Error('nothing was committed');
      return table;
    },
  };
}

/** A data file that exists in metadata alone. */
export function file(
  name: string,
  partition: readonly PartitionValue[],
  options: Partial<DataFile> = {},
): DataFile {
  return {
    content: 'data',
    location: `file:///w/${name}.parquet`,
    format: 'parquet',
    specId: 0,
    partition,
    rows: 10,
    sizeBytes: 1_000,
    ...options,
  };
}

export async function scan(
  house: Warehouse,
  branch = 'main',
  options: Partial<Parameters<typeof liveFiles>[0]> = {},
): Promise<readonly ScanFile[]> {
  const table = await house.load();
  const found: ScanFile[] = [];
  for await (const item of liveFiles({
    store: house.store,
    table,
    snapshotId: table.metadata.refs[branch]?.snapshotId,
    ...options,
  }))
    found.push(item);
  return found;
}

export function names(files: readonly { readonly file: DataFile }[]): readonly string[] {
  return files.map(({ file: { location } }) => location.replace(/^.*\/|\.parquet$/g, '')).sort();
}
