/**
 * 100,000 synthetic units through plan, audit and publish in this process; prints its peak memory as JSON.
 *
 * Usage: node scale-child.ts FOLDER BUCKETS MONTHS
 */
import { stringify } from 'yaml';
import { openLocalWorld } from '../../lib/run/local/local.ts';
import { stageItems, writeStage } from '../../lib/run/units/stages.ts';
import type { Plan, Prepared, RunContext, UnitResult } from '../../lib/run/workload.ts';
import { summaryWorkload } from '../../lib/summary/index.ts';
import { pipelineDocument, wideShape } from '../generators/shape.ts';
import { parseSummary } from '../support/pipelines.ts';
import {
  checkpointAll,
  contextOf,
  countFiles,
  fileBytes,
  fileRows,
  madeUpFile,
  madeUpJson,
  makeTables,
  meter,
  monthNumbers,
  tableOf,
  withMadeUpCheckpoints,
  withMadeUpFiles,
} from './scale-world.ts';

const [folder = '', bucketText = '3000', monthCount = '36'] = process.argv.slice(2);
const buckets = Number(bucketText);
const months = monthNumbers(Number(monthCount));
const { measured, peaksMb, seconds, cpuSeconds } = meter();

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
const base = withMadeUpFiles(opened);
await measured('tables', () => makeTables({ world: base, config, months, buckets, tags: ['old'] }));

// Plan: one apply unit per touched file.
const context = contextOf(base, config, 'scale-publish');
const plan = await measured('plan', () => summaryWorkload.plan(context, prepared()));
const planned = plan.stages.find(({ name }) => name === 'apply')?.units ?? 0;

// Publish: each unit replaces its file. The unit's number says which one.
const summary = await tableOf(base, 'summary');
const numbers = new Map<string, number>();
let next = 0;
for (const { name, items } of plan.stages)
  if (name === 'apply')
    for await (const { unit } of stageItems(base.results, items)) numbers.set(unit, next++);
const replaced = (unit: string): UnitResult => {
  const number = numbers.get(unit);
  if (number === undefined)
    return { rows: 0, bytes: 0, outcome: { stage: 'resolve', changes: [], inserted: [], cases: {} } };
  const cell = { table: summary, month: months[Math.floor(number / buckets)] ?? 0, bucket: number % buckets };
  const old = madeUpFile({ ...cell, tag: 'old' });
  const change = {
    role: 'summary',
    added: [madeUpJson({ ...cell, tag: 'new' })],
    addedDeletes: [],
    removed: [{ location: old.location, specId: old.specId, partition: old.partition }],
    removedDeletes: [],
  };
  return {
    rows: fileRows,
    bytes: fileBytes,
    outcome: { stage: 'apply', changes: [change], files: [], groups: [] },
  };
};
const publishing: RunContext<typeof config> = { ...context, world: withMadeUpCheckpoints(base, replaced) };
await checkpointAll(publishing, plan.stages, replaced);
await measured('publish', () => summaryWorkload.publish(publishing, plan));

// Audit: as many units again, all of which found nothing to change.
const untouched = (): UnitResult => ({
  rows: 0,
  bytes: 0,
  outcome: { stage: 'apply', changes: [], files: [], groups: [] },
});
const quiet = contextOf(withMadeUpCheckpoints(base, untouched), config, 'scale-audit');
await writeStage(quiet, 'prepare', 0, []);
const applied = await writeStage(
  quiet,
  'apply',
  0,
  Array.from({ length: planned }, (_, index) => ({
    label: 'u',
    rows: 0,
    bytes: 0,
    specification: { index },
  })),
);
await checkpointAll(quiet, [applied], untouched);
const auditPlan: Plan = {
  ...plan,
  runId: 'scale-audit',
  stages: [applied],
  pins: [],
  workload: { ...(plan.workload as object), touchedBuckets: [0] },
};
const report = await measured('audit', () => summaryWorkload.audit(quiet, auditPlan));

const counted = await countFiles(base, 'new');
await opened.close();
console.log(
  JSON.stringify({ units: planned, ...counted, auditPassed: report.passed, peaksMb, seconds, cpuSeconds }),
);
