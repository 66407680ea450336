import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { PipelineConfig } from '../config/schema.ts';
import { parseByteSize, parseDurationMs } from '../config/sizes.ts';
import { loadTableIfExists } from '../iceberg/index.ts';
import type { UpkeepPart, World } from '../run/workload.ts';
import type { TableIdentifier } from '../stores/ports.ts';
import { compactTable, tableName } from './compact.ts';
import { checkpointedFiles, pinnedSnapshots, resumableRuns } from './pins.ts';
import { expireOld, type Orphans, removeOrphans } from './snapshots.ts';

export interface MaintainOptions {
  /** Delete orphan files; otherwise they are only listed. Compaction and expiry delete nothing that a reader needs. */
  readonly apply?: boolean;
  /** Which parts to do; default all. */
  readonly parts?: readonly UpkeepPart[];
  /** A run that has published: its pins are not needed any more. */
  readonly publishedRunId?: string;
}

/** A table and how its files are to be. */
export interface KeptTable {
  readonly identifier: TableIdentifier;
  /** Rows of a rewritten file are sorted by these columns. */
  readonly sortBy: readonly string[];
  /** The table's sort order that these columns are; absent: none. */
  readonly sortOrderId?: number;
  readonly maxSmallFiles: number;
  readonly maxDeadFraction: number;
  /** Snapshots that stay, and every later one with them, whatever the pipeline's `maintenance` says. */
  readonly pinned?: readonly bigint[];
}

interface KeepOptions extends MaintainOptions {
  readonly world: World;
  readonly config: PipelineConfig;
  readonly tables: readonly KeptTable[];
}

/**
 * Compacts cells, expires snapshots and finds orphan files of the tables; returns what was done, for people.
 * Snapshots that a resumable run is pinned to stay, and so do the files that its checkpoints name. The caller holds the
 * pipeline's lease.
 */
export async function keepTables(options: KeepOptions): Promise<readonly string[]> {
  const { world, config, tables } = options;
  const parts = new Set(options.parts ?? ['compact', 'expire', 'orphans']);
  const lines: string[] = [];
  const runs = await resumableRuns(world, {
    horizonMs: parseDurationMs(config.resumeHorizon),
    ...(options.publishedRunId === undefined ? {} : { except: options.publishedRunId }),
  });
  const pins = await pinnedSnapshots(world, runs);
  const needed = parts.has('orphans') ? await checkpointedFiles(world, runs) : new Set<string>();
  for (const table of tables) {
    const { identifier } = table;
    if (!(await exists(world, identifier))) continue;
    if (parts.has('compact')) lines.push(...(await compact(world, config, table)));
    if (parts.has('expire')) {
      const { keepSnapshots, expireAfter } = config.maintenance;
      const pinned = new Set([...(pins.get(tableName(identifier)) ?? []), ...(table.pinned ?? [])]);
      const expired = await expireOld({
        world,
        identifier,
        keep: keepSnapshots,
        expireAfterMs: parseDurationMs(expireAfter),
        pinned,
      });
      if (expired.snapshots > 0) {
        lines.push(
          `${tableName(identifier)}: expired ${counted(expired.snapshots, 'snapshot')}, deleted ${counted(expired.files, 'file')}`,
        );
      }
    }
    if (parts.has('orphans')) {
      const graceMs = parseDurationMs(config.maintenance.graceForOrphans);
      const orphans = await removeOrphans({
        world,
        identifier,
        graceMs,
        needed,
        apply: options.apply === true,
      });
      lines.push(...orphanLines(tableName(identifier), orphans, options.apply === true));
    }
  }
  return lines;
}

async function exists(world: World, identifier: TableIdentifier): Promise<boolean> {
  const { warehouse: store, catalog } = world;
  return (await loadTableIfExists({ store, catalog, identifier })) !== undefined;
}

async function compact(
  world: World,
  config: PipelineConfig,
  { identifier, sortBy, sortOrderId, maxSmallFiles, maxDeadFraction }: KeptTable,
): Promise<readonly string[]> {
  await using session = await world.engine.open({
    threads: config.work.threads ?? world.resources.threads,
    memoryBytes: Math.min(world.resources.memoryBytes, parseByteSize(config.work.memory)),
    workFolder: join(world.workRoot, `maintain-${randomBytes(4).toString('hex')}`),
  });
  const done = await compactTable({
    store: world.warehouse,
    catalog: world.catalog,
    clock: world.clock,
    session,
    identifier,
    policy: {
      targetFileBytes: parseByteSize(config.tables.targetFileSize),
      maxSmallFiles,
      maxDeadFraction,
    },
    sortBy,
    ...(sortOrderId === undefined ? {} : { sortOrderId }),
    rowGroupRows: config.work.rowGroupRows,
    step: world.step,
  });
  if (done.cells.length === 0) return [];
  const reasons = new Map<string, number>();
  for (const cell of done.cells) reasons.set(cell.reason, (reasons.get(cell.reason) ?? 0) + 1);
  const [most] = [...reasons].sort(([, a], [, b]) => b - a);
  return [
    `${tableName(identifier)}: compacted ${counted(done.cells.length, 'cell')} (${most?.[0] ?? ''}), ${counted(done.filesRemoved, 'file')} into ${done.filesAdded}, ${megabytes(done.bytesBefore)} into ${megabytes(done.bytesAfter)}`,
  ];
}

/** What was found, or deleted, of whose files. */
export function orphanLines(name: string, orphans: Orphans, apply: boolean): readonly string[] {
  if (orphans.files === 0) return [];
  const head = `${name}: ${apply ? 'deleted' : 'found'} ${counted(orphans.files, 'orphan file')}, ${megabytes(orphans.sizeBytes)}`;
  if (apply) return [head];
  const more = orphans.files - orphans.examples.length;
  return [
    head,
    ...orphans.examples.map((location) => `  ${location}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
