import { bytes, count, duration, plural } from '../report/format.ts';
import type { Plan } from '../run/workload.ts';
import type { RunRecord } from '../stores/ports.ts';
import type { CommandContext } from './command.ts';
import { type ExitCode, exitCodeOf } from './exit-codes.ts';

/** What a run came to, as people and programs get it. */
export interface RunReport {
  readonly run: RunRecord | undefined;
  readonly plan: Plan | undefined;
  readonly filesSeen?: number;
  readonly filesNew?: number;
  readonly ignored?: readonly { readonly path: string; readonly reason: string }[];
}

/** Prints the report and returns the exit code that fits the run. */
export function reportRun(context: CommandContext, report: RunReport): ExitCode {
  const { output } = context;
  const { run } = report;
  const code = outcomeCode(context, run);
  output.document({ ...describeReport(report), exitCode: code });
  for (const one of report.ignored ?? []) output.warn(`left alone: ${one.path} (${one.reason})`);
  if (run === undefined || run.status === 'empty') {
    output.line(nothingToDo(report));
    return code;
  }
  if (run.status === 'succeeded') output.lines(successLines(context, run));
  else if (!output.json) for (const line of failedLines(context, run, code)) output.warn(line);
  return code;
}

export function outcomeCode(context: CommandContext, run: RunRecord | undefined): ExitCode {
  if (run === undefined || run.status === 'succeeded' || run.status === 'empty' || run.status === 'planned')
    return 0;
  if (context.environment.signal.aborted) return 130;
  return exitCodeOf(run.error?.name ?? '');
}

export function describeReport(report: RunReport): Readonly<Record<string, unknown>> {
  const { run, plan, ...rest } = report;
  return { run, ...rest, plan: plan === undefined ? undefined : describePlan(plan) };
}

/** The plan without what only the workload reads. */
export function describePlan({ workload: _, ...plan }: Plan): Omit<Plan, 'workload'> {
  return plan;
}

function nothingToDo(report: RunReport): string {
  if (report.filesSeen === undefined || report.filesSeen === 0) return 'nothing to do: no files have arrived';
  return `nothing to do: ${plural(report.filesSeen, 'file')} seen, all of them applied before`;
}

function successLines(context: CommandContext, run: RunRecord): readonly string[] {
  const { style } = context.output;
  const took = run.endedMs === undefined ? '' : ` in ${duration(run.endedMs - run.createdMs)}`;
  const lines = [`${style.green('published')} ${run.runId} to ${run.branch}${took}`];
  lines.push(...factLines(run.facts));
  if (run.branch === 'main') lines.push(`next   ${context.output.command('partwise show latest --limit 5')}`);
  else {
    lines.push(`next   ${context.output.command(`partwise diff summary main ${run.branch}`)}`);
    lines.push(`       ${context.output.command(`partwise switch ${run.branch}`)}`);
  }
  return lines;
}

function failedLines(context: CommandContext, run: RunRecord, code: ExitCode): readonly string[] {
  const { style, command } = context.output;
  const interrupted = code === 130;
  const unknown = run.error?.name === 'CommitStateUnknownError';
  const safe = unknown
    ? 'no file was deleted; whether the tables are the old or the new ones, they are whole'
    : 'nothing was published: readers see the tables as they were; units that ended are kept';
  return [
    interrupted
      ? `${style.yellow('stopped')} ${run.runId} was interrupted`
      : `${style.red('failed')} ${run.error?.message ?? `run ${run.runId} ended as ${run.status}`}${style.dim(` (${run.error?.name ?? run.status})`)}`,
    `${style.green('safe  ')} ${safe}`,
    `${style.bold('next  ')} ${command(interrupted ? `partwise resume ${run.runId}` : (run.error?.next ?? `partwise resume ${run.runId}`))}`,
  ];
}

/** The facts of a run that people ask for first. */
export function factLines(facts: Readonly<Record<string, unknown>>): readonly string[] {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(facts)) {
    const text = factText(name, value);
    if (text !== undefined) lines.push(`  ${name.padEnd(12)} ${text}`);
  }
  return lines;
}

function factText(name: string, value: unknown): string | undefined {
  if (typeof value === 'number')
    return /bytes$/i.test(name) ? bytes(value) : /ms$/i.test(name) ? duration(value) : count(value);
  if (typeof value === 'string') return value;
  return undefined;
}
