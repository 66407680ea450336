import { resolve } from 'node:path';
import { UsageError } from '../../errors.ts';
import { type RunOutcome, resumeRun, runPipeline } from '../../run/local.ts';
import { batchOptions, runBatches } from '../batches.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { withFromMonth } from '../from-month.ts';
import { type RunReport, reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { configOfRun, findRun, openSession } from '../session.ts';

export const run: CommandHandler = async (context) => {
  const planned = context.flags.text('plan');
  if (planned !== undefined) return applyPlan(context, planned);
  const config = withFromMonth(context, (await loadChosenPipeline(context)).config);
  await using session = await openSession(context);
  const branch = context.flags.text('branch');
  const options = {
    world: session.world,
    config,
    ...inputPaths(context),
    ...(branch === undefined ? {} : { branch }),
    signal: context.environment.signal,
    ...batchOptions(context, config),
  };
  if (config.kind === 'rollup') return await runBatches(context, session, options);
  const outcome = await runPipeline(options);
  session.progress.finish();
  return await reportRun(context, session.world, runReport(outcome));
};

/** Files named on the command line, by feed, as absolute paths. */
export function inputPaths(context: CommandContext): {
  readonly paths: readonly string[];
  readonly deletions: readonly string[];
} {
  const absolute = (path: string) => resolve(context.environment.cwd, path);
  return {
    paths: context.arguments.map(absolute),
    deletions: context.flags.texts('deletions').map(absolute),
  };
}

export function runReport(outcome: RunOutcome): RunReport {
  const { run: record, plan, arrivals } = outcome;
  if (arrivals === undefined) return { run: record, plan };
  return {
    run: record,
    plan,
    filesSeen: arrivals.seen,
    filesNew: arrivals.recorded,
    ignored: arrivals.ignored,
    held: arrivals.held,
    again: arrivals.again,
  };
}

async function applyPlan(context: CommandContext, runId: string) {
  const { paths, deletions } = inputPaths(context);
  const isGiven = (flag: string) => context.flags.text(flag) !== undefined;
  if (paths.length + deletions.length > 0 || isGiven('branch') || isGiven('from-month')) {
    throw new UsageError('a saved plan has its files, its branch and its order already', {
      next: `partwise run --plan ${runId}`,
    });
  }
  await using session = await openSession(context);
  const found = await findRun(session, runId);
  const config = await configOfRun(context, session, found);
  const outcome = await resumeRun({
    world: session.world,
    config,
    runId: found.runId,
    signal: context.environment.signal,
  });
  session.progress.finish();
  return await reportRun(context, session.world, runReport(outcome));
}
