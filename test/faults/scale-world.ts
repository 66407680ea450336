/**
 * Tables of 100,000 files that are names with a size, and checkpoints that follow from a unit's name: enough to hold
 * plan, audit and publish to the memory that they take. Whoever opens such a file fails.
 */
import { createHash } from 'node:crypto';
import type { SummaryConfig } from '../../lib/config/index.ts';
import {
  commitStaged,
  createTable,
  currentSchema,
  currentSnapshot,
  currentSpec,
  type DataFile,
  dataFileToJson,
  liveFiles,
  loadTable,
  type PartitionSpec,
  singleValueToBytes,
  stageCommit,
  type Table,
} from '../../lib/iceberg/index.ts';
import { runContext } from '../../lib/run/context.ts';
import { jsonBytes } from '../../lib/run/layout.ts';
import type { LocalWorld } from '../../lib/run/local/local.ts';
import { stageItems } from '../../lib/run/units/stages.ts';
import type { RunContext, StageSummary, Task, UnitResult } from '../../lib/run/workload.ts';
import type { Location, ObjectStore } from '../../lib/stores/ports.ts';
import { targetTables } from '../../lib/summary/index.ts';
import type { Role } from '../../lib/summary/tables/tables.ts';

export const fileBytes = 1_000_000;
export const fileRows = 700;

export const monthText = (month: number) =>
  `${Math.floor((month - 1) / 12)}-${String(((month - 1) % 12) + 1).padStart(2, '0')}`;

/** Month numbers from January 2023 on. */
export const monthNumbers = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => 2023 * 12 + 1 + index);

/** Keeps the time of each phase, and the most memory that this process has had by its end. */
export function meter() {
  const peaksMb: Record<string, number> = {};
  const seconds: Record<string, number> = {};
  const cpuSeconds: Record<string, number> = {};

  async function measured<T>(name: string, action: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const cpu = process.cpuUsage();
    const result = await action();
    const { user, system } = process.cpuUsage(cpu);
    seconds[name] = Math.round(performance.now() - started) / 1_000;
    cpuSeconds[name] = Math.round((user + system) / 1_000) / 1_000;
    peaksMb[name] = Math.round(process.resourceUsage().maxRSS / 1_024);
    return result;
  }

  return { measured, peaksMb, seconds, cpuSeconds };
}

/** Files below `/made-up/` have a size and no content. */
export function withMadeUpFiles(world: LocalWorld): LocalWorld {
  const store = world.warehouse;
  const madeUp = (location: Location) => location.includes('/made-up/');
  const refuse = async (location: Location): Promise<never> => {
    throw new Error(`nobody may open ${location}`);
  };
  const warehouse: ObjectStore = {
    ...store,
    root: store.root,
    read: (location) => (madeUp(location) ? refuse(location) : store.read(location)),
    readRange: (location, offset, length) =>
      madeUp(location) ? refuse(location) : store.readRange(location, offset, length),
    localPath: (location) => (madeUp(location) ? refuse(location) : store.localPath(location)),
    head: async (location) =>
      madeUp(location) ? { location, sizeBytes: fileBytes, modifiedMs: 0 } : store.head(location),
  };
  return { ...world, warehouse };
}

/** What a unit has left, by its id. */
export type ResultOf = (unit: string) => UnitResult;

const bytesOf = (result: UnitResult) => jsonBytes({ formatVersion: 1, result });

/** Checkpoint objects whose content follows from the unit's id, so that they need no disk. */
export function withMadeUpCheckpoints<World extends LocalWorld>(world: World, resultOf: ResultOf): World {
  const store = world.results;
  const results: ObjectStore = {
    ...store,
    root: store.root,
    read: async (location) => {
      const unit = /\/made-up-checkpoints\/(.+)$/.exec(location)?.[1];
      return unit === undefined ? store.read(location) : bytesOf(resultOf(unit));
    },
  };
  return { ...world, results };
}

export async function checkpointAll(
  context: RunContext,
  stages: readonly StageSummary[],
  resultOf: ResultOf,
): Promise<void> {
  for (const { name, items } of stages)
    for await (const { unit } of stageItems(context.world.results, items))
      await context.world.state.checkpoints.put({
        runId: context.runId,
        stage: name,
        unit,
        attempt: 1,
        location: `${context.folder}/made-up-checkpoints/${unit}`,
        digest: createHash('sha256')
          .update(bytesOf(resultOf(unit)))
          .digest('hex'),
        startedMs: 0,
        endedMs: 0,
        rows: 0,
        bytes: 0,
      });
}

interface MadeUpFile {
  readonly table: Table;
  /** 0 in tables without months. */
  readonly month: number;
  readonly bucket: number;
  readonly tag: string;
  /** Default: the table's. */
  readonly spec?: PartitionSpec;
  readonly rows?: number;
}

export function madeUpFile({ table, month, bucket, tag, spec, rows = fileRows }: MadeUpFile): DataFile {
  return {
    content: 'data',
    location: `${table.metadata.location}/made-up/${monthText(month)}/${bucket}-${tag}.parquet`,
    format: 'PARQUET',
    specId: (spec ?? currentSpec(table)).specId,
    partition: month === 0 ? [bucket] : [monthText(month), bucket],
    rows,
    sizeBytes: fileBytes,
    ...statisticsOf(table).maps,
  };
}

/** In the form of `dataFileToJson`. */
export function madeUpJson(options: MadeUpFile): unknown {
  const { location, specId, partition, rows } = madeUpFile(options);
  return { ...(statisticsOf(options.table).json as object), location, specId, partition, rows };
}

const statistics = new WeakMap<Table, ReturnType<typeof newStatistics>>();

/** All files of a table have the same ones: making them must not be what the test spends its time on. */
function statisticsOf(table: Table): ReturnType<typeof newStatistics> {
  const made = statistics.get(table) ?? newStatistics(table);
  statistics.set(table, made);
  return made;
}

function newStatistics(table: Table) {
  const { fields } = currentSchema(table);
  const bound = singleValueToBytes('long', 1n);
  const bounds = new Map(fields.flatMap(({ id, type }) => (type === 'long' ? [[id, bound] as const] : [])));
  const ofAll = (value: number) => new Map(fields.map(({ id }) => [id, value]));
  const maps = {
    columnSizes: ofAll(1_000),
    valueCounts: ofAll(fileRows),
    nullCounts: ofAll(0),
    lowerBounds: bounds,
    upperBounds: bounds,
  };
  const file = {
    content: 'data',
    location: '',
    format: 'PARQUET',
    specId: 0,
    partition: [],
    rows: 0,
  } as const;
  return { maps, json: dataFileToJson({ ...file, sizeBytes: fileBytes, ...maps }) };
}

interface TablesOptions {
  readonly world: LocalWorld;
  readonly config: SummaryConfig;
  readonly months: readonly number[];
  readonly buckets: number;
  /** A file of each cell for each. */
  readonly tags: readonly string[];
}

/** Makes summary and latest in one commit each; there are no tombstones. */
export async function makeTables({ world, config, months, buckets, tags }: TablesOptions): Promise<void> {
  for (const target of targetTables(config, world.warehouse.root)) {
    if (target.role === 'tombstones') continue;
    const table = await createTable({
      store: world.warehouse,
      catalog: world.catalog,
      clock: world.clock,
      ...target,
    });
    const cells = target.role === 'summary' ? months : [0];
    function* added() {
      for (const month of cells)
        for (let bucket = 0; bucket < buckets; bucket += 1)
          for (const tag of tags) yield madeUpFile({ table, month, bucket, tag });
    }
    const staged = await stageCommit({
      store: world.warehouse,
      table,
      changes: { added: added() },
      operation: 'append',
      clock: world.clock,
    });
    await commitStaged({ store: world.warehouse, catalog: world.catalog, staged: [staged] });
  }
}

export function tableOf({ warehouse, catalog }: LocalWorld, role: Role): Promise<Table> {
  return loadTable({
    store: warehouse,
    catalog,
    identifier: { namespace: 'partwise', name: `proof_${role}` },
  });
}

/** Live files of summary, and how many of them have the tag that the run gives. */
export async function countFiles(world: LocalWorld, tag: string): Promise<{ live: number; renewed: number }> {
  const table = await tableOf(world, 'summary');
  const snapshotId = currentSnapshot(table)?.snapshotId;
  const count = { live: 0, renewed: 0 };
  for await (const { file } of liveFiles({ store: world.warehouse, table, snapshotId, statistics: false })) {
    count.live += 1;
    if (file.location.endsWith(`-${tag}.parquet`)) count.renewed += 1;
  }
  return count;
}

export const contextOf = (
  world: LocalWorld,
  config: SummaryConfig,
  runId: string,
  task?: Task,
): RunContext<SummaryConfig> =>
  runContext({
    world,
    config,
    run: {
      runId,
      pipeline: config.pipeline,
      status: 'working',
      attempt: 1,
      epoch: 1,
      branch: 'main',
      createdMs: 0,
      updatedMs: 0,
      endedMs: undefined,
      error: undefined,
      facts: task === undefined ? {} : { task },
    },
    signal: new AbortController().signal,
    parallelUnits: 1,
  });
