import type { PipelineConfig } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import { plural } from '../report/format.ts';
import { nextBatchOf, type RunOptions, runPipeline } from '../run/local/local.ts';
import { batchReport } from './batch-lines.ts';
import type { CommandContext } from './command.ts';
import type { ExitCode } from './exit-codes.ts';
import { arrivalsReport, publishedLines, type RunReport, reportRun } from './outcome.ts';
import type { LocalSession } from './session.ts';

/** The flags of pipelines that work in batches. @throws UsageError for a wrong time, or for another kind of pipeline */
export function batchOptions(
  context: CommandContext,
  config: PipelineConfig,
): Pick<RunOptions, 'arrivedMs' | 'untilMs' | 'flush'> {
  const arrivedMs = timeOf(context, 'arrived');
  const untilMs = timeOf(context, 'until');
  const flush = context.flags.on('flush');
  if (config.kind !== 'rollup' && (arrivedMs !== undefined || untilMs !== undefined || flush)) {
    throw new UsageError(
      `--arrived, --until and --flush are for pipelines in batches; ${config.pipeline} is a ${config.kind}`,
      { safe: 'nothing was changed' },
    );
  }
  return {
    ...(arrivedMs === undefined ? {} : { arrivedMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(flush ? { flush } : {}),
  };
}

function timeOf(context: CommandContext, flag: string): number | undefined {
  const text = context.flags.text(flag);
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(time)) {
    throw new UsageError(
      `--${flag} needs a time with its zone, such as 2026-01-31T06:00:00Z, not '${text}'`,
      {
        safe: 'nothing was changed',
      },
    );
  }
  return time;
}

/** Runs every batch that is due, in order, one publish each; ends at the first that fails. */
export async function runBatches(
  context: CommandContext,
  session: LocalSession,
  options: RunOptions,
): Promise<ExitCode> {
  const { world, progress } = session;
  const earlier: RunReport[] = [];
  let report: RunReport | undefined;
  let rest = options;
  for (;;) {
    const { run, plan, arrivals } = await runPipeline(rest);
    progress.finish();
    const files = report === undefined ? arrivalsReport(arrivals) : {};
    if (run === undefined && report !== undefined) break;
    if (report?.run !== undefined) {
      earlier.push(report);
      context.output.lines(publishedLines(context, report.run, report.plan));
    }
    report = { run, plan, ...files };
    if (run?.status !== 'succeeded' || context.environment.signal.aborted) break;
    // The files are taken in by now; once what was open is published, nothing more is flushed.
    const { paths: _paths, deletions: _deletions, ...later } = rest;
    rest = batchReport(run)?.flush === true ? { ...later, flush: false } : later;
  }
  const waits = report.run === undefined ? await whatIsWaitedFor(context, options) : undefined;
  return reportRun(context, world, {
    ...report,
    ...(earlier.length === 0 ? {} : { earlier }),
    ...(waits === undefined ? {} : { waits }),
  });
}

/** When the next batch is due, and what waits for it. */
export async function whatIsWaitedFor(
  context: CommandContext,
  options: Parameters<typeof nextBatchOf>[0],
): Promise<string> {
  const { command } = context.output;
  const next = await nextBatchOf(options);
  let waiting = 0;
  for await (const _ of options.world.state.intake.list(options.config.pipeline, { status: 'pending' }))
    waiting += 1;
  if (next?.due !== false || next.endMs === undefined) return 'nothing to do: no points have arrived yet';
  const end = new Date(next.endMs).toISOString();
  const due = `nothing is due: the next batch ends at ${end}; ${plural(waiting, 'file waits', 'files wait')} for it`;
  return waiting === 0
    ? due
    : `${due}. ${command('partwise run --flush')} publishes what is there now, and later points of the windows that it closes are too late`;
}
