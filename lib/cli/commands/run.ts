import { UsageError } from '../../errors.ts';
import { type RunOutcome, resumeRun, runPipeline } from '../../run/local/local.ts';
import { batchOptions, runBatches } from '../batches.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { withFromMonth } from '../from-month.ts';
import { inputPaths } from '../input-paths.ts';
import { isOnAws } from '../on-aws.ts';
import { arrivalsReport, type RunReport, reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { configOfRun, findRun, openSession } from '../session.ts';

export const run: CommandHandler = async (context) => {
  const planned = context.flags.text('plan');
  if (planned !== undefined) return applyPlan(context, planned);
  if (isOnAws(context)) {
    const { startOnAws } = await import('../aws/start.ts');
    return startOnAws(context, 'run', (_, { world }, report) => reportRun(context, world, report));
  }
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

export function runReport({ run: record, plan, arrivals }: RunOutcome): RunReport {
  return { run: record, plan, ...arrivalsReport(arrivals) };
}

async function applyPlan(context: CommandContext, runId: string) {
  const { paths, deletions } = inputPaths(context);
  const isGiven = (flag: string) => context.flags.text(flag) !== undefined;
  if (paths.length + deletions.length > 0 || isGiven('branch') || isGiven('from-month')) {
    throw new UsageError('a saved plan has its files, its branch and its order already', {
      next: `partwise run --plan ${runId}`,
    });
  }
  if (isOnAws(context)) return (await import('../aws/resume.ts')).resumeOnAws(context, runId);
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
