/**
 * 100,000 synthetic units through plan, audit and publish in this process; prints its peak memory as JSON. The tables'
 * files are names with a size: nobody may open them, and whoever tries fails.
 *
 * Usage: node scale-child.ts FOLDER BUCKETS MONTHS
 */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
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
  singleValueToBytes,
  stageCommit,
  type Table,
} from '../../lib/iceberg/index.ts';
import { runContext } from '../../lib/run/context.ts';
import { layout } from '../../lib/run/layout.ts';
import { type LocalWorld, openLocalWorld } from '../../lib/run/local.ts';
import { stageItems, writeStage } from '../../lib/run/stages.ts';
import type { Plan, Prepared, RunContext, UnitItem } from '../../lib/run/workload.ts';
import type { Location, ObjectStore } from '../../lib/stores/ports.ts';
import { summaryWorkload, targetTables } from '../../lib/summary/index.ts';
import { pipelineDocument, wideShape } from '../generators/shape.ts';
import { parseSummary } from '../support/pipelines.ts';

const [folder = '', bucketText = '3000', monthCount = '36'] = process.argv.slice(2);
const buckets = Number(bucketText);
const months = Array.from({ length: Number(monthCount) }, (_, index) => 2023 * 12 + 1 + index);
const fileBytes = 1_000_000;
const fileRows = 700;
const peaks: Record<string, number> = {};
const seconds: Record<string, number> = {};

const monthText = (month: number) =>
  `${Math.floor((month - 1) / 12)}-${String(((month - 1) % 12) + 1).padStart(2, '0')}`;

async function measured<T>(name: string, action: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await action();
  seconds[name] = Math.round(performance.now() - started) / 1_000;
  peaks[name] = Math.round(process.resourceUsage().maxRSS / 1_024);
  return result;
}

/** Files below `/made-up/` have a size and no content. */
function withMadeUpFiles(store: ObjectStore): ObjectStore {
  const madeUp = (location: Location) => location.includes('/made-up/');
  const refuse = async (location: Location): Promise<never> => {
    throw new Error(`nobody may open ${location}`);
  };
  return {
    ...store,
    root: store.root,
    read: (location) => (madeUp(location) ? refuse(location) : store.read(location)),
    readRange: (location, offset, length) =>
      madeUp(location) ? refuse(location) : store.readRange(location, offset, length),
    localPath: (location) => (madeUp(location) ? refuse(location) : store.localPath(location)),
    head: async (location) =>
      madeUp(location) ? { location, sizeBytes: fileBytes, modifiedMs: 0 } : store.head(location),
  };
}

/** Checkpoint objects whose content follows from the unit's number, so that they need no disk. */
function withMadeUpCheckpoints(store: ObjectStore, content: (unit: string) => Uint8Array): ObjectStore {
  return {
    ...store,
    root: store.root,
    read: async (location) => {
      const unit = /\/made-up-checkpoints\/(.+)$/.exec(location)?.[1];
      return unit === undefined ? store.read(location) : content(unit);
    },
  };
}

function dataFile(table: Table, month: number, bucket: number, tag: string): DataFile {
  const schema = currentSchema(table);
  const bounds = new Map(
    schema.fields.flatMap(({ id, type }) =>
      type === 'long' ? [[id, singleValueToBytes('long', BigInt(bucket))] as const] : [],
    ),
  );
  const counts = new Map(schema.fields.map(({ id }) => [id, BigInt(fileRows)] as const));
  return {
    content: 'data',
    location: `${table.metadata.location}/made-up/${monthText(month)}/${bucket}-${tag}.parquet`,
    format: 'PARQUET',
    specId: currentSpec(table).specId,
    partition: month === 0 ? [bucket] : [monthText(month), bucket],
    rows: fileRows,
    sizeBytes: fileBytes,
    columnSizes: new Map([...counts].map(([id]) => [id, 1_000] as never)),
    valueCounts: new Map([...counts].map(([id]) => [id, fileRows] as never)),
    nullCounts: new Map([...counts].map(([id]) => [id, 0] as never)),
    lowerBounds: bounds,
    upperBounds: bounds,
  };
}

async function makeTables(world: LocalWorld, config: SummaryConfig): Promise<void> {
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
        for (let bucket = 0; bucket < buckets; bucket += 1) yield dataFile(table, month, bucket, 'old');
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

/** Late records for the first month in every bucket: every later file is touched. */
async function* prepared(): AsyncIterable<Prepared> {
  const first = months[0] ?? 0;
  yield {
    item: { feed: 'records', location: 'file:///nowhere.csv', version: '1', sizeBytes: 1, arrivedMs: 0 },
    status: 'accepted',
    rowsLocation: 'file:///nowhere/rows.parquet',
    quarantineLocation: undefined,
    rowsRead: buckets * 10,
    rowsAccepted: buckets * 10,
    rowsQuarantined: 0,
    droppedColumns: [],
    cells: Array.from({ length: buckets }, (_, bucket) => [first, bucket, 10, 0] as const),
  } as Prepared;
}

const contextOf = (world: LocalWorld, config: SummaryConfig, runId: string): RunContext<SummaryConfig> =>
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
      facts: {},
    },
    signal: new AbortController().signal,
    parallelUnits: 1,
  });

async function checkpointAll(
  context: RunContext,
  stage: string,
  items: AsyncIterable<UnitItem>,
  content: (unit: string) => Uint8Array,
): Promise<number> {
  let count = 0;
  for await (const { unit } of items) {
    await context.world.state.checkpoints.put({
      runId: context.runId,
      stage,
      unit,
      attempt: 1,
      location: `${context.folder}/made-up-checkpoints/${unit}`,
      digest: createHash('sha256').update(content(unit)).digest('hex'),
      startedMs: 0,
      endedMs: 0,
      rows: 0,
      bytes: 0,
    });
    count += 1;
  }
  return count;
}

const config = await parseSummary(
  stringify(
    pipelineDocument(wideShape, {
      tables: { buckets },
      work: { unitBytes: '1 MB', rewrite: 'copy-on-write' },
    }),
  ),
  'scale.yaml',
);
const opened = await openLocalWorld({ root: folder, threads: 1, memoryBytes: 2 ** 30 });
const base: LocalWorld = { ...opened, warehouse: withMadeUpFiles(opened.warehouse) };
await measured('tables', () => makeTables(base, config));

const encode = (result: unknown) => Buffer.from(JSON.stringify({ formatVersion: 1, result }));

// Plan: one apply unit per touched file.
const context = contextOf(base, config, 'scale-publish');
const plan = await measured('plan', () => summaryWorkload.plan(context, prepared()));
const planned = plan.stages.find(({ name }) => name === 'apply')?.units ?? 0;

// Publish: each unit replaces its file. The unit's number says which one.
const summary = await loadTable({
  store: base.warehouse,
  catalog: base.catalog,
  identifier: { namespace: 'partwise', name: 'proof_summary' },
});
const numbers = new Map<string, number>();
let next = 0;
for (const { name, items } of plan.stages)
  if (name === 'apply')
    for await (const { unit } of stageItems(base.results, items)) numbers.set(unit, next++);
const replaced = (unit: string): Uint8Array => {
  const number = numbers.get(unit);
  if (number === undefined)
    return encode({ rows: 0, bytes: 0, outcome: { stage: 'resolve', changes: [], inserted: [], cases: {} } });
  const month = months[Math.floor(number / buckets)] ?? 0;
  const old = dataFile(summary, month, number % buckets, 'old');
  const change = {
    role: 'summary',
    added: [dataFileToJson(dataFile(summary, month, number % buckets, 'new'))],
    addedDeletes: [],
    removed: [{ location: old.location, specId: old.specId, partition: old.partition }],
    removedDeletes: [],
  };
  return encode({
    rows: fileRows,
    bytes: fileBytes,
    outcome: { stage: 'apply', changes: [change], files: [], groups: [] },
  });
};
const publishing: RunContext<SummaryConfig> = {
  ...context,
  world: { ...base, results: withMadeUpCheckpoints(base.results, replaced) },
};
for (const stage of plan.stages)
  await checkpointAll(publishing, stage.name, stageItems(base.results, stage.items), replaced);
await measured('publish', () => summaryWorkload.publish(publishing, plan));

// Audit: as many units again, all of which found nothing to change.
const untouched = () =>
  encode({ rows: 0, bytes: 0, outcome: { stage: 'apply', changes: [], files: [], groups: [] } });
const quiet = contextOf(
  { ...base, results: withMadeUpCheckpoints(base.results, untouched) },
  config,
  'scale-audit',
);
const stages = [
  await writeStage(quiet, 'prepare', 0, []),
  await writeStage(
    quiet,
    'apply',
    0,
    Array.from({ length: planned }, (_, index) => ({
      label: 'u',
      rows: 0,
      bytes: 0,
      specification: { index },
    })),
  ),
].filter(({ name }) => name !== 'prepare');
for (const stage of stages)
  await checkpointAll(quiet, stage.name, stageItems(base.results, stage.items), untouched);
const auditPlan: Plan = {
  ...plan,
  runId: 'scale-audit',
  stages,
  pins: [],
  workload: { ...(plan.workload as object), touchedBuckets: [0] },
};
const report = await measured('audit', () => summaryWorkload.audit(quiet, auditPlan));

const after = await loadTable({
  store: base.warehouse,
  catalog: base.catalog,
  identifier: { namespace: 'partwise', name: 'proof_summary' },
});
let live = 0;
let renewed = 0;
for await (const { file } of liveFiles({
  store: base.warehouse,
  table: after,
  snapshotId: currentSnapshot(after)?.snapshotId,
  statistics: false,
})) {
  live += 1;
  if (file.location.endsWith('-new.parquet')) renewed += 1;
}
await opened.close();
console.log(
  JSON.stringify({
    units: planned,
    live,
    renewed,
    auditPassed: report.passed,
    peaksMb: peaks,
    seconds,
    folder: layout.runFolder('', 'x'),
  }),
);
