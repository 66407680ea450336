import { randomUUID } from 'node:crypto';
import type { EngineSession, FieldIdTree } from '../engine/engine.ts';
import { identifier } from '../engine/sql.ts';
import { CommitConflictError, IntegrityError } from '../errors.ts';
import {
  commitStaged,
  currentSchema,
  currentSnapshot,
  currentSpec,
  type DataFile,
  dataFileFromWritten,
  type Field,
  type IcebergType,
  loadTable,
  type PartitionFilter,
  type PartitionValue,
  stageCommit,
  type Table,
  validateNoConflicts,
} from '../iceberg/index.ts';
import { joinLocation } from '../stores/location.ts';
import type { CatalogPointer, Clock, Location, ObjectStore, TableIdentifier } from '../stores/ports.ts';
import { type CellToCompact, type CompactionPolicy, cellsToCompact } from './cells.ts';
import { tableEncoding } from './encoding.ts';
import { keyRanges } from './key-ranges.ts';
import { liveRows, scanned } from './live-rows.ts';
import { rowsChecksum } from './rows-checksum.ts';

export interface CompactOptions {
  readonly store: ObjectStore;
  readonly catalog: CatalogPointer;
  readonly clock: Clock;
  readonly session: EngineSession;
  readonly identifier: TableIdentifier;
  readonly policy: CompactionPolicy;
  /** Rows of a rewritten file are sorted by these columns. */
  readonly sortBy: readonly string[];
  readonly rowGroupRows: number;
  readonly sortOrderId?: number;
  readonly step?: (name: string) => Promise<void>;
}

export interface Compacted {
  readonly cells: readonly CellToCompact[];
  readonly filesRemoved: number;
  readonly filesAdded: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly snapshotId: bigint | undefined;
}

/** How often a compaction starts its commit again after another writer was faster. */
const commitAttempts = 3;

/**
 * Rewrites the live rows of the cells that the policy names and swaps them in as one `replace` commit. Rows and their
 * checksum are the same before and after, or nothing is committed; a failure leaves unreferenced files only.
 * @throws IntegrityError when the rewritten rows are not the rows that were read
 * @throws CommitConflictError when another writer changed the cells meanwhile
 */
export async function compactTable(options: CompactOptions): Promise<Compacted> {
  const table = await loadTable(options);
  const snapshot = currentSnapshot(table);
  const nothing = {
    cells: [],
    filesRemoved: 0,
    filesAdded: 0,
    bytesBefore: 0,
    bytesAfter: 0,
    snapshotId: undefined,
  };
  if (snapshot === undefined) return nothing;
  const cells = await cellsToCompact({ ...options, table, snapshotId: snapshot.snapshotId });
  if (cells.length === 0) return nothing;
  const added: DataFile[] = [];
  for (const cell of cells) added.push(...(await rewriteCell(options, table, cell)));
  await options.step?.('maintain:before-commit');
  const snapshotId = await commitReplace(options, table, cells, added);
  return {
    cells,
    filesRemoved: total(cells, (cell) => cell.files.length),
    filesAdded: added.length,
    bytesBefore: total(cells, (cell) => cell.sizeBytes),
    bytesAfter: total(added, (file) => file.sizeBytes),
    snapshotId,
  };
}

async function rewriteCell(
  options: CompactOptions,
  table: Table,
  cell: CellToCompact,
): Promise<readonly DataFile[]> {
  const { session, store } = options;
  const schema = currentSchema(table);
  const columns = schema.fields.map((field) => field.name);
  const source = await liveRows({ store, schema, files: cell.files.map(scanned) });
  const order = options.sortBy.map(identifier).join(', ');
  const parts = Math.max(1, Math.ceil(cell.sizeBytes / options.policy.targetFileBytes));
  const first = options.sortBy[0];
  const selects =
    parts === 1 || first === undefined
      ? [`SELECT * FROM ${source}`]
      : await keyRanges(session, source, first, parts);

  const files: DataFile[] = [];
  for (const select of selects) {
    const [written] = await session.writeParquet({
      select: order === '' ? select : `${select} ORDER BY ${order}`,
      path: joinLocation(session.workFolder, `${randomUUID()}.parquet`),
      fieldIds: fieldIdTree(schema.fields),
      rowGroupRows: options.rowGroupRows,
      encoding: tableEncoding(table.metadata.properties),
    });
    if (written === undefined || written.rows === 0) continue;
    const location = newLocation(table);
    await store.adopt(written.path, location);
    files.push(
      dataFileFromWritten({
        written,
        schema,
        spec: currentSpec(table),
        partition: cell.partition,
        location,
        ...(options.sortOrderId === undefined ? {} : { sortOrderId: options.sortOrderId }),
      }),
    );
  }
  await mustHoldSameRows(options, table, source, files, columns);
  return files;
}

async function mustHoldSameRows(
  options: CompactOptions,
  table: Table,
  source: string,
  files: readonly DataFile[],
  columns: readonly string[],
): Promise<void> {
  const sums = async (from: string) => {
    const [row] = await options.session.query(
      `SELECT count(*) AS n, ${rowsChecksum(columns)} AS checksum FROM ${from}`,
    );
    return { rows: Number(row?.['n'] ?? 0), checksum: String(row?.['checksum']) };
  };
  const written = files.map(({ location }) => ({ location, deletes: [] }));
  const before = await sums(source);
  const after = await sums(
    await liveRows({ store: options.store, schema: currentSchema(table), files: written }),
  );
  if (before.rows === after.rows && before.checksum === after.checksum) return;
  throw new IntegrityError(
    `compaction of ${tableName(table.identifier)} did not keep its rows: ${before.rows} in, ${after.rows} out`,
    {
      details: { before, after, files: files.map((file) => file.location) },
      safe: 'nothing was committed; the written files are unreferenced',
    },
  );
}

async function commitReplace(
  options: CompactOptions,
  planned: Table,
  cells: readonly CellToCompact[],
  added: readonly DataFile[],
): Promise<bigint | undefined> {
  const sinceSnapshotId = currentSnapshot(planned)?.snapshotId;
  for (let attempt = 1; ; attempt += 1) {
    const table = attempt === 1 ? planned : await loadTable(options);
    if (attempt > 1) {
      const report = await validateNoConflicts({
        store: options.store,
        table,
        sinceSnapshotId,
        filter: cellsOnly(cells),
      });
      if (report.replacedFiles.length > 0) {
        throw new CommitConflictError(
          `${tableName(table.identifier)} was compacted by another writer meanwhile`,
          {
            details: { files: report.replacedFiles.slice(0, 20) },
            safe: "the table holds the other writer's files; ours are unreferenced",
          },
        );
      }
    }
    const staged = await stageCommit({
      store: options.store,
      table,
      clock: options.clock,
      operation: 'replace',
      changes: {
        added,
        removed: cells.flatMap((cell) => cell.files.map((scan) => scan.file)),
        removedDeletes: cells.flatMap((cell) => [...cell.removedDeletes]),
      },
      summary: { 'partwise.maintenance': 'compaction' },
    });
    try {
      await commitStaged({ store: options.store, catalog: options.catalog, staged: [staged] });
      return staged.snapshotId;
    } catch (error) {
      if (!(error instanceof CommitConflictError) || attempt >= commitAttempts) throw error;
    }
  }
}

/** The cells' partitions; manifests are not pruned by it. */
function cellsOnly(cells: readonly CellToCompact[]): PartitionFilter {
  const name = (partition: readonly PartitionValue[]) => partition.map(String).join('\n');
  const names = new Set(cells.map((cell) => name(cell.partition)));
  const specs = new Set(cells.map((cell) => cell.specId));
  return {
    mayMatch: () => true,
    matches: (partition, spec) => !specs.has(spec.specId) || names.has(name(partition)),
  };
}

function newLocation(table: Table): Location {
  return joinLocation(table.metadata.location, 'data', `compacted-${randomUUID()}.parquet`);
}

function fieldIdTree(fields: readonly Field[]): FieldIdTree {
  return Object.fromEntries(fields.map((field) => [field.name, fieldIds(field.id, field.type)]));
}

function fieldIds(id: number, type: IcebergType): FieldIdTree[string] {
  if (typeof type === 'string' || type.type !== 'list') return id;
  return { id, children: { element: fieldIds(type.elementId, type.element) } };
}

export function tableName(table: TableIdentifier): string {
  return `${table.namespace}.${table.name}`;
}

function total<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}
