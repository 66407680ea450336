import { count, duration, plural, printable } from '../report/format.ts';
import { batchOf } from '../run/intake/batches.ts';
import type { Arrivals, KnownFile } from '../run/intake/intake.ts';
import type { PreparedTotals } from '../run/prepare.ts';
import { workedMs } from '../run/run-facts.ts';
import type { Plan, World } from '../run/workload.ts';
import type { RunRecord } from '../stores/ports.ts';
import { batchLines, batchReport } from './batch-lines.ts';
import { bucketLines } from './bucket-line.ts';
import { type CaseCount, casesOf } from './case-records.ts';
import type { CommandContext } from './command.ts';
import { engineLines } from './engine-lines.ts';
import { type ExitCode, exitCodeOf } from './exit-codes.ts';
import { repairLines } from './repair-lines.ts';
import { didNothing, isTask, nothingDone, taskLines } from './task-lines.ts';

/** What a run came to, as people and programs get it. */
export interface RunReport {
  readonly run: RunRecord | undefined;
  readonly plan: Plan | undefined;
  readonly filesSeen?: number;
  /** Named files that were known and left alone, and those that were taken in again. */
  readonly held?: readonly KnownFile[];
  readonly again?: readonly KnownFile[];
  readonly filesNew?: number;
  readonly ignored?: readonly { readonly path: string; readonly reason: string }[];
  /** Batches that were published before this one by the same command. */
  readonly earlier?: readonly RunReport[];
  /** Nothing was due: why, and what to do. */
  readonly waits?: string;
}

/** What is told of the files that were named or lay in the staging folder; nothing when none were looked for. */
export function arrivalsReport(arrivals: Arrivals | undefined): Partial<RunReport> {
  if (arrivals === undefined) return {};
  const { seen, recorded, ignored, held, again } = arrivals;
  return { filesSeen: seen, filesNew: recorded, ignored, held, again };
}

/** Prints the report and returns the exit code that fits the run. */
export async function reportRun(context: CommandContext, world: World, report: RunReport): Promise<ExitCode> {
  const { output } = context;
  const { run, plan } = report;
  const held = (report.held ?? []).length > 0;
  const code = run === undefined && held ? 1 : outcomeCode(context, run);
  const cases = run?.status === 'succeeded' ? await casesOf(world, run, plan) : [];
  output.document({ ...describeReport(report), cases, exitCode: code });
  for (const line of heldLines(context, report)) output.warn(line);
  for (const line of againLines(report)) output.note(line);
  for (const one of report.ignored ?? []) output.warn(`left alone: ${one.path} (${one.reason})`);
  if (run === undefined || run.status === 'empty') output.line(report.waits ?? nothingToDo(report));
  else if (run.status === 'succeeded')
    output.lines([...successLines(context, run, plan, cases), ...(await bucketLines(context, run))]);
  else if (!output.json) for (const line of failedLines(context, run, code)) output.warn(line);
  return code;
}

export function outcomeCode(context: CommandContext, run: RunRecord | undefined): ExitCode {
  if (run === undefined || run.status === 'succeeded' || run.status === 'empty' || run.status === 'planned')
    return 0;
  if (context.environment.signal.aborted) return 130;
  return exitCodeOf(run.error?.name ?? '');
}

/** The report for programs; of a run that failed the error stands at the top too, as with every command that fails. */
export function describeReport(report: RunReport): Readonly<Record<string, unknown>> {
  const { run, plan, earlier, ...rest } = report;
  const error = run?.error === undefined ? {} : { error: run.error };
  return {
    ...error,
    run,
    ...rest,
    ...(earlier === undefined ? {} : { earlier: earlier.map(describeReport) }),
    plan: plan === undefined ? undefined : describePlan(plan),
  };
}

/** The plan without what only the workload reads. */
export function describePlan({ workload: _, ...plan }: Plan): Omit<Plan, 'workload'> {
  return plan;
}

function nothingToDo(report: RunReport): string {
  if (report.filesSeen === undefined || report.filesSeen === 0) return 'nothing to do: no files have arrived';
  if ((report.held ?? []).length > 0) return 'nothing was done: the files are known, but not applied';
  return `nothing to do: ${plural(report.filesSeen, 'file')} seen, all of them applied before`;
}

/** Why a named file was left alone, and what to do about it. */
function heldLines(context: CommandContext, report: RunReport): readonly string[] {
  const { command } = context.output;
  const own = new Set([report, ...(report.earlier ?? [])].map(({ run }) => run?.runId));
  // Those of a run that this command went on with are no longer held.
  const others = (report.held ?? []).filter(({ why, runId }) => why !== 'claimed' || !own.has(runId));
  return others.map((file) => {
    if (file.why !== 'claimed')
      return `held   ${fateOf(file)}: ${command('partwise run FILE')} takes it in again`;
    const [state, goOn] =
      file.isPlanned === true ? ['is planned and not run yet', 'run --plan'] : ['has not ended', 'resume'];
    return `held   ${file.path} by ${file.runId}, which ${state}: ${command(`partwise ${goOn} ${file.runId}`)} or ${command(`partwise cancel ${file.runId}`)}`;
  });
}

function againLines(report: RunReport): readonly string[] {
  return (report.again ?? []).map((file) => `again  ${fateOf(file)}`);
}

/** What a known file met with. */
function fateOf({ path, runId, branch, why }: KnownFile): string {
  return why === 'refused'
    ? `${path} was refused by ${runId}`
    : `${path} went to branch ${branch} by ${runId}`;
}

/** What a run that succeeded came to and what to type next, for people. */
function successLines(
  context: CommandContext,
  run: RunRecord,
  plan: Plan | undefined,
  cases: readonly CaseCount[],
): readonly string[] {
  return [...publishedLines(context, run, plan, cases), ...nextLines(context, run, plan)];
}

/** What a run that succeeded came to; of one among several, since what to type next is told once. */
export function publishedLines(
  context: CommandContext,
  run: RunRecord,
  plan: Plan | undefined,
  cases: readonly CaseCount[] = [],
): readonly string[] {
  const { style, command } = context.output;
  const took = run.endedMs === undefined ? '' : ` in ${duration(workedMs(run, run.endedMs))}`;
  if (isTask(run))
    return [
      didNothing(run)
        ? `${style.green('nothing to do')}: ${nothingDone(run)}, found ${run.runId}; nothing was committed`
        : `${style.green('published')} ${run.runId} to ${run.branch}${took}`,
      ...taskLines(run),
      ...engineLines(run),
    ];
  const nothing = plan?.outcome === 'nothing';
  return [
    nothing
      ? `${style.yellow('nothing published')} by ${run.runId}: no row was accepted`
      : `${style.green('published')} ${run.runId} to ${run.branch}${took}`,
    ...inputLines(run, command),
    ...batchLines(run),
    ...repairLines(run),
    ...engineLines(run),
    ...cases.map(({ title, rows }) => `  ${count(rows).padStart(12)}  ${title}`),
    ...listOf(run.facts.maintenance).map((line) => `  maintenance: ${line}`),
  ];
}

function nextLines(
  { output: { command } }: CommandContext,
  run: RunRecord,
  plan: Plan | undefined,
): readonly string[] {
  if (isTask(run)) return didNothing(run) ? [] : [`next   ${command(`partwise verify ${run.runId}`)}`];
  if (plan?.outcome === 'nothing') return [`next   ${command(`partwise status ${run.runId}`)}`];
  const table = batchOf(run) === undefined ? 'latest' : 'rollups';
  if (run.branch === 'main' && canAddRefused(run))
    return [
      `next   ${command(`partwise replay --from-batch ${batchReport(run)?.batch} --also FILE`)}`,
      '       with a refused file once it is mended: in a later batch its points may be too late',
    ];
  if (run.branch === 'main') return [`next   ${command(`partwise show ${table} --limit 5`)}`];
  const compare =
    table === 'rollups' ? `show rollups --limit 5 --branch ${run.branch}` : `diff summary main ${run.branch}`;
  return [
    `next   ${command(`partwise ${compare}`)}`,
    `       ${command(`partwise switch ${run.branch}`)}`,
    `       ${command(`partwise cancel --branch ${run.branch}`)}`,
  ];
}

/** Whether the run is of a batch that a replay can do again with the files that it refused: any but the first. */
function canAddRefused(run: RunRecord): boolean {
  const { filesQuarantined = 0 } = (run.facts['input'] ?? {}) as Partial<PreparedTotals>;
  const batch = batchOf(run);
  return (
    filesQuarantined > 0 &&
    batch?.previous !== undefined &&
    batch.previous !== null &&
    batch.repair === undefined
  );
}

/** Rows read and refused, files refused and columns left out, as prepare counted them. */
export function inputLines(run: RunRecord, command: (text: string) => string): readonly string[] {
  const input = run.facts.input as Partial<PreparedTotals> | undefined;
  if (input === undefined || (input.files === 0 && batchOf(run)?.repair !== undefined)) return [];
  const { files = 0, filesQuarantined = 0, rowsRead = 0, rowsQuarantined = 0, refused = [] } = input;
  const lines = [`  ${plural(rowsRead, 'row')} read from ${plural(files, 'file')}`];
  if (rowsQuarantined > 0) {
    lines.push(
      `  ${plural(rowsQuarantined, 'row')} refused; ${command(`partwise status ${run.runId}`)} says why`,
    );
  }
  for (const one of refused) lines.push(`  refused ${filePath(one.location)}: ${reasonText(one.reason)}`);
  if (filesQuarantined > refused.length) lines.push(`  ${plural(filesQuarantined, 'file')} refused in all`);
  return [...lines, ...columnLines(run)];
}

/** A source file as people name it. */
export function filePath(location: string): string {
  return printable(location.replace(/^file:\/\//, ''));
}

/** Why a file was refused, without the name that only programs need. @example reasonText('PoisonInputError: it is empty') // 'it is empty' */
export function reasonText(reason: string): string {
  return printable(reason.replace(/^[A-Z]\w*Error: /, ''));
}

/** Per file: configured columns that it lacks, and columns of it that nothing names. */
export function columnLines(run: RunRecord): readonly string[] {
  const { columns = [], filesWithColumns = 0 } = (run.facts['input'] ?? {}) as Partial<PreparedTotals>;
  const named = (names: readonly string[]) => names.map(printable).join(', ');
  const lines = columns.flatMap(({ location, missing, dropped }) => {
    const file = printable(location.split('/').at(-1) ?? location);
    return [
      ...(missing.length > 0 ? [`  columns not in ${file}, NULL in its rows: ${named(missing)}`] : []),
      ...(dropped.length > 0
        ? [`  columns of ${file} that the pipeline does not name: ${named(dropped)}`]
        : []),
    ];
  });
  if (filesWithColumns > columns.length)
    lines.push(`  ${plural(filesWithColumns, 'file')} in all lack columns or have others`);
  return lines;
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function failedLines(context: CommandContext, run: RunRecord, code: ExitCode): readonly string[] {
  const { style, command } = context.output;
  const interrupted = code === 130;
  const unknown = run.error?.name === 'CommitStateUnknownError';
  // The statement that failed is for programs, and for status.
  const message = run.error?.message.split('\nin: ', 1)[0];
  const safe = unknown
    ? 'no file was deleted; whether the tables are the old or the new ones, they are whole'
    : 'nothing was published: readers see the tables as they were; units that ended are kept';
  return [
    interrupted
      ? `${style.yellow('stopped')} ${run.runId} was interrupted`
      : `${style.red('failed')} ${message ?? `run ${run.runId} ended as ${run.status}`}${style.dim(` (${run.error?.name ?? run.status})`)}`,
    `${style.green('safe  ')} ${safe}`,
    `${style.bold('next  ')} ${command(interrupted ? `partwise resume ${run.runId}` : (run.error?.next ?? `partwise resume ${run.runId}`))}`,
  ];
}
