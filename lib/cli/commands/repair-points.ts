import { resolve } from 'node:path';
import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';
import { describeReport, outcomeCode, reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { repairWindows } from '../repair.ts';
import { openExisting } from '../session.ts';
import { planLines } from './plan.ts';

export const repairPoints: CommandHandler = async (context) => {
  const { flags, output, environment } = context;
  const { config } = await loadChosenPipeline(context);
  if (config.kind !== 'rollup')
    throw new UsageError(`repair points is for pipelines in batches; ${config.pipeline} is a ${config.kind}`);
  const also = flags.texts('also').map((path) => resolve(environment.cwd, path));
  const isLate = flags.on('late');
  if (!isLate && also.length === 0)
    throw new UsageError('repair points needs --late or --also FILE', {
      next: 'partwise repair points --late',
    });
  await using session = await openExisting(context);
  const { world, progress } = session;
  const dryRun = flags.on('dry-run');
  const outcome = await repairWindows({
    world,
    config,
    lateFrom: isLate ? fromBatch(flags.text('from-batch')) : undefined,
    also,
    dryRun,
    signal: environment.signal,
  });
  progress.finish();
  if (outcome === undefined) {
    output.line('nothing to repair: no dead letters wait');
    output.document({ run: undefined, exitCode: 0 });
    return 0;
  }
  const { run, plan } = outcome;
  if (outcome.wasBegun && run !== undefined)
    output.note(
      `went on with ${run.runId}, which had not ended; what is left to repair needs another repair`,
    );
  if (!dryRun || run?.status !== 'cancelled' || plan === undefined || run.error !== undefined)
    return await reportRun(context, world, { run, plan });
  const code = outcomeCode(context, undefined);
  output.document({ ...describeReport({ run, plan }), exitCode: code });
  output.lines(planLines(plan));
  output.line('no table was touched, and nothing is held');
  return code;
};

function fromBatch(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--from-batch needs the number of a batch, not '${text}'`, {
    safe: 'nothing was changed',
    next: 'partwise runs',
  });
}
