/**
 * A table of 100,000 synthetic files through plan, audit and publish of a rewrite in this process; prints its peak memory
 * as JSON. `rebucket` doubles the buckets, each file by itself; `compact` makes one file of the files of a cell.
 *
 * Usage: node scale-rewrite-child.ts FOLDER rebucket|compact BUCKETS MONTHS FILES_PER_CELL
 */
import { stringify } from 'yaml';
import { openLocalWorld } from '../../lib/run/local/local.ts';
import { readSpecification, stageItems } from '../../lib/run/units/stages.ts';
import type { Prepared, RunContext, UnitResult } from '../../lib/run/workload.ts';
import { digestOf } from '../../lib/summary/audit/digest.ts';
import { stateFileOf } from '../../lib/summary/audit/state.ts';
import { summaryWorkload } from '../../lib/summary/index.ts';
import {
  type CompareOutcome,
  type CompareSpec,
  compareStage,
  type RewriteOutcome,
  type RewriteSpec,
  rewriteStage,
} from '../../lib/summary/rewrite/types.ts';
import type { RewriteTask } from '../../lib/summary/tasks/tasks.ts';
import type { FileSpec, RewriteFacts, SummaryPlanFacts } from '../../lib/summary/types.ts';
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

const [folder = '', kind = '', bucketText = '', monthCount = '', filesPerCell = ''] = process.argv.slice(2);
const buckets = Number(bucketText);
const months = monthNumbers(Number(monthCount));
const tags = Array.from({ length: Number(filesPerCell) }, (_, index) => `old${index}`);
const task: RewriteTask =
  kind === 'compact' ? { kind: 'compact' } : { kind: 'rebucket', buckets: buckets * 2 };
const { measured, peaksMb, seconds, cpuSeconds } = meter();

const config = await parseSummary(
  stringify(
    pipelineDocument(wideShape, { tables: { buckets }, work: { unitBytes: '1 MB', maxSmallFiles: 1 } }),
  ),
  'scale.yaml',
);
const opened = await openLocalWorld({ root: folder, threads: 1, memoryBytes: 2 ** 30 });
const base = withMadeUpFiles(opened);
await measured('tables', () => makeTables({ world: base, config, months, buckets, tags }));

const context = contextOf(base, config, 'scale-rewrite', task);
async function* nothing(): AsyncIterable<Prepared> {}
const plan = await measured('plan', () => summaryWorkload.plan(context, nothing()));
const { specs } = (plan.workload as SummaryPlanFacts).rewrite as RewriteFacts;

/** Each unit rewrites one cell, and another compares it. */
interface Cell {
  readonly stage: string;
  readonly role: 'summary' | 'latest';
  readonly month: number;
  readonly bucket: number;
}
const tables = { summary: await tableOf(base, 'summary'), latest: await tableOf(base, 'latest') };
const cells = new Map<string, Cell>();
for (const { name: stage, items } of plan.stages)
  for await (const item of stageItems(base.results, items)) {
    const spec = (await readSpecification(base.results, item)) as RewriteSpec | CompareSpec;
    const { role, files } = 'pieces' in spec ? { ...spec, files: onlyPiece(spec) } : spec;
    const month = months[Number(files[0]?.month) - Number(months[0])] ?? 0;
    if (role === 'tombstones') throw new TypeError('there are no tombstones');
    cells.set(item.unit, { stage, role, month, bucket: Number(files[0]?.partition.at(-1)) });
  }

function onlyPiece({ pieces }: RewriteSpec): readonly FileSpec[] {
  if (pieces.length !== 1) throw new TypeError(`a unit of ${pieces.length} cells`);
  return pieces[0]?.files ?? [];
}

function resultOf(unit: string): UnitResult {
  const cell = cells.get(unit);
  if (cell === undefined) throw new TypeError(`unit ${unit} was not planned`);
  const { stage, role, month, bucket } = cell;
  const shared = { table: tables[role], month };
  const before = tags.map((tag) => madeUpFile({ ...shared, bucket, tag }));
  const rows = fileRows * tags.length;
  const bytes = fileBytes * tags.length;
  if (stage === compareStage) {
    const state = before.map((file) => ({
      kind: 'before' as const,
      role,
      file: stateFileOf(role, file, []),
    }));
    const outcome: CompareOutcome = {
      stage: compareStage,
      role,
      changes: [],
      digest: digestOf(state),
      rows,
      checks: [],
    };
    return { rows, bytes: 0, outcome };
  }
  const spec = specs[role];
  const after = task.kind === 'compact' ? [bucket] : [bucket, bucket + buckets];
  const added = after.map((to) =>
    madeUpJson({
      ...shared,
      bucket: to,
      tag: 'new',
      rows: rows / after.length,
      ...(spec === undefined ? {} : { spec }),
    }),
  );
  const outcome: RewriteOutcome = {
    stage: rewriteStage,
    role,
    changes: [
      {
        role,
        added,
        addedDeletes: [],
        removed: before.map(({ location, specId, partition }) => ({ location, specId, partition })),
        removedDeletes: [],
      },
    ],
    rows,
    files: { before: before.length, after: after.length, bytesBefore: bytes, bytesAfter: bytes },
  };
  return { rows, bytes, outcome };
}

const working: RunContext<typeof config> = { ...context, world: withMadeUpCheckpoints(base, resultOf) };
await measured('checkpoints', () => checkpointAll(working, plan.stages, resultOf));
const report = await measured('audit', () => summaryWorkload.audit(working, plan));
const failed = report.checks.filter(({ passed }) => !passed);
const published = await measured('publish', () => summaryWorkload.publish(working, plan));

const counted = await countFiles(base, 'new');
await opened.close();
console.log(
  JSON.stringify({
    units: plan.stages.map(({ units }) => units),
    ...counted,
    failed,
    facts: published.facts['rewrite'],
    peaksMb,
    seconds,
    cpuSeconds,
  }),
);
