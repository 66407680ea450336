import { bytes, count, duration, instant } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { latenessOf } from '../../run/engines/deadline-facts.ts';
import { planOfRun } from '../../run/local/local.ts';
import { pausedMs, workedMs } from '../../run/run-facts.ts';
import type { World } from '../../run/workload.ts';
import type { RunRecord } from '../../stores/ports.ts';
import { batchTables } from '../batch-lines.ts';
import { branchText } from '../branches.ts';
import { type CaseCount, casesAndSteps } from '../case-records.ts';
import type { CommandHandler } from '../command.ts';
import { engineLines } from '../engine-lines.ts';
import { type UnitRow, unitRows } from '../history-records.ts';
import { nextStep } from '../next-step.ts';
import { columnLines, describePlan, filePath, reasonText } from '../outcome.ts';
import { type RefusedRow, refusedRows } from '../quarantine.ts';
import { repairLines } from '../repair-lines.ts';
import { findRun, isUnfinished, openAnywhere } from '../session.ts';
import type { StepRow } from '../step-records.ts';

const defaultUnits = 50;
const refusedLimit = 20;

export const status: CommandHandler = async (context) => {
  const { output, flags } = context;
  await using session = await openAnywhere(context);
  const { world } = session;
  const run = await findRun(session, context.arguments[0]);
  const plan = await planOfRun(world, run);
  const files = await filesOf(world, run);
  const { cases, steps } = await casesAndSteps(world, run, plan);
  const refused = await refusedRows(world, run.runId, refusedLimit);
  const limit = flags.number('units') ?? defaultUnits;
  const units: UnitRow[] = [];
  const stages = new Map<string, StageTotals>();
  for await (const unit of unitRows(world.state, run.runId)) {
    addTo(stages, unit);
    if (output.json || unit.status !== 'done' || units.length < limit) units.push(unit);
  }
  output.document({
    run,
    plan: plan === undefined ? undefined : describePlan(plan),
    files,
    units,
    steps,
    cases,
    refused,
  });
  output.lines(headLines(run, session.pipeline !== undefined, world.clock.now()));
  output.line();
  output.lines(fileLines(files));
  const columns = columnLines(run);
  if (columns.length > 0) output.lines([...columns, '']);
  output.lines(stageLines(stages, new Map((plan?.stages ?? []).map((stage) => [stage.name, stage.units]))));
  output.lines(
    unitLines(
      units,
      [...stages.values()].reduce((sum, stage) => sum + stage.units, 0),
    ),
  );
  const engines = engineLines(run);
  if (engines.length > 0) output.lines([...engines, '']);
  output.lines(refusedLines(run, refused));
  output.lines(stepLines(steps));
  output.lines(caseLines(cases));
  output.lines(batchTables(run));
  output.lines(repairLines(run));
  output.lines(auditLines(run));
  if (isUnfinished(run)) output.line(`next   ${output.command(nextStep(run, 'status'))}`);
  return 0;
};

function headLines(run: RunRecord, isOnAws: boolean, nowMs: number): readonly string[] {
  const lines = [
    `run      ${run.runId}`,
    `status   ${run.status}${run.attempt > 1 ? `, attempt ${run.attempt}` : ''}`,
    `branch   ${branchText(run)}`,
    `started  ${instant(run.createdMs)}`,
  ];
  if (run.endedMs !== undefined)
    lines.push(
      `ended    ${instant(run.endedMs)}, after ${duration(workedMs(run, run.endedMs))}${pausedMs(run) === 0 ? '' : ' at work'}`,
    );
  const { replanned } = run.facts;
  if (typeof replanned === 'string') lines.push(`plan     ${replanned}`);
  const late = latenessOf(run, nowMs);
  if (late !== undefined) lines.push(`deadline ${late}`);
  const { execution } = run.facts;
  if (isOnAws && typeof execution === 'string')
    lines.push(`by       execution ${execution.split(':').at(-1)}`);
  if (run.error !== undefined) lines.push(`error    ${run.error.name}: ${run.error.message}`);
  return lines;
}

interface FileRow {
  readonly location: string;
  readonly feed: string;
  readonly sizeBytes: number;
  readonly status: string;
  readonly reason: string | undefined;
}

/** Files shown at most; a run may claim a hundred thousand. */
const fileLimit = 100;

async function filesOf(world: World, run: RunRecord): Promise<readonly FileRow[]> {
  const files: FileRow[] = [];
  for await (const item of world.state.intake.list(run.pipeline, { runId: run.runId })) {
    const { location, feed, sizeBytes, status: state, reason } = item;
    if (files.length < fileLimit || state === 'quarantined')
      files.push({ location, feed, sizeBytes, status: state, reason });
  }
  return files;
}

function fileLines(files: readonly FileRow[]): readonly string[] {
  if (files.length === 0) return ['no files'];
  const rows = files.map((file) => [
    filePath(file.location),
    bytes(file.sizeBytes),
    file.status,
    file.reason === undefined ? '' : reasonText(file.reason),
  ]);
  return [...textTable({ columns: ['file', 'size', 'status', 'reason'], rows }), ''];
}

interface StageTotals {
  readonly name: string;
  units: number;
  done: number;
  bySpark: number;
  failed: number;
  rows: number;
  bytes: number;
  elapsedMs: number;
}

function addTo(stages: Map<string, StageTotals>, unit: UnitRow): void {
  const stage = stages.get(unit.stage) ?? {
    name: unit.stage,
    units: 0,
    done: 0,
    bySpark: 0,
    failed: 0,
    rows: 0,
    bytes: 0,
    elapsedMs: 0,
  };
  stages.set(unit.stage, stage);
  stage.units += 1;
  if (unit.status === 'done') stage.done += 1;
  if (unit.engine === 'spark') stage.bySpark += 1;
  if (unit.status === 'failed') stage.failed += 1;
  stage.rows += unit.rows;
  stage.bytes += unit.bytes;
  stage.elapsedMs += unit.elapsed_ms ?? 0;
}

function stageLines(
  stages: ReadonlyMap<string, StageTotals>,
  planned: ReadonlyMap<string, number>,
): readonly string[] {
  if (stages.size === 0) return [];
  const some = [...stages.values()].some(({ bySpark }) => bySpark > 0);
  const rows = [...stages.values()].map((stage) => [
    stage.name,
    `${count(stage.done)}/${count(planned.get(stage.name) ?? stage.done)}`,
    ...(some ? [stage.bySpark === 0 ? '' : count(stage.bySpark)] : []),
    count(stage.failed),
    count(stage.rows),
    bytes(stage.bytes),
    duration(stage.elapsedMs),
  ]);
  const spark = some ? [{ title: 'by Spark', align: 'right' as const }] : [];
  return [
    ...textTable({
      columns: [
        'stage',
        { title: 'units done', align: 'right' },
        ...spark,
        'failed',
        'rows',
        'bytes',
        'work',
      ],
      rows,
    }),
    '',
  ];
}

function unitLines(units: readonly UnitRow[], total: number): readonly string[] {
  if (units.length === 0) return [];
  const rows = units.map((unit) => [
    unit.stage,
    unit.unit,
    unit.status,
    unit.attempt,
    unit.started?.slice(11, 23) ?? '',
    unit.elapsed_ms === null ? '' : duration(unit.elapsed_ms),
    count(unit.rows),
    bytes(unit.bytes),
    unit.error ?? '',
  ]);
  const columns = ['stage', 'unit', 'status', 'attempt', 'started', 'took', 'rows', 'bytes', 'error'];
  const more =
    total > units.length
      ? [`${count(units.length)} of ${count(total)} units; --units N or --json shows more`]
      : [];
  return [...textTable({ columns, rows, maxCellWidth: 100 }), ...more, ''];
}

function refusedLines(run: RunRecord, refused: readonly RefusedRow[]): readonly string[] {
  if (refused.length === 0) return [];
  const rows = refused.map((row) => [
    row.file.split('/').at(-1),
    row.row,
    row.column ?? '',
    row.reason,
    row.raw,
  ]);
  const input = run.facts.input;
  const total =
    typeof input === 'object' && input !== null && 'rowsQuarantined' in input
      ? Number(input.rowsQuarantined)
      : rows.length;
  const columns = ['refused in', { title: 'row', align: 'right' as const }, 'column', 'reason', 'as it was'];
  const more =
    total > rows.length
      ? [
          `${count(rows.length)} of ${count(total)} refused rows; all are in results/runs/${run.runId}/quarantine`,
        ]
      : [];
  return [...textTable({ columns, rows, maxCellWidth: 60 }), ...more, ''];
}

function caseLines(cases: readonly CaseCount[]): readonly string[] {
  if (cases.length === 0) return [];
  const rows = cases.map(({ title, rows: number, step }) => [title, count(number), step]);
  return [...textTable({ columns: ['case', 'rows', 'done in step'], rows }), ''];
}

/** Time per step: a statement does the rows of several cases at once. */
function stepLines(steps: readonly StepRow[]): readonly string[] {
  if (steps.length === 0) return [];
  const rows = steps.map((step) => [
    step.step,
    step.status,
    step.started?.slice(11, 23) ?? '',
    step.ended?.slice(11, 23) ?? '',
    duration(step.elapsed_ms),
    count(step.rows),
    bytes(step.bytes),
    step.error ?? '',
  ]);
  const columns = ['step', 'status', 'started', 'ended', 'work', 'rows', 'bytes', 'error'];
  return [...textTable({ columns, rows, maxCellWidth: 100 }), ''];
}

function auditLines(run: RunRecord): readonly string[] {
  const checks = run.facts['auditChecks'];
  if (!Array.isArray(checks) || checks.length === 0) return [];
  const rows = checks.map((check: { name: string; passed: boolean; checked: number; detail?: string }) => [
    check.name,
    check.passed ? 'passed' : 'FAILED',
    count(check.checked),
    check.detail ?? '',
  ]);
  return [...textTable({ columns: ['audit', 'result', 'checked', 'detail'], rows, maxCellWidth: 100 }), ''];
}
