import { resolve } from 'node:path';
import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';
import { publishedLines, reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { replayBatches } from '../replay.ts';
import { openExisting } from '../session.ts';

export const replay: CommandHandler = async (context) => {
  const { flags, output, environment } = context;
  const from = batchNumber(flags.text('from-batch'), 'from-batch');
  const to =
    flags.text('to-batch') === undefined ? undefined : batchNumber(flags.text('to-batch'), 'to-batch');
  const { config } = await loadChosenPipeline(context);
  if (config.kind !== 'rollup')
    throw new UsageError(`replay is for pipelines in batches; ${config.pipeline} is a ${config.kind}`);
  const time = new Date(environment.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
  const branch = flags.text('branch') ?? `replay-${from}-${time}`;
  if (branch === 'main') throw new UsageError('a replay needs a branch of its own');
  await using session = await openExisting(context);
  const { world, progress } = session;
  const replayed = await replayBatches({
    world,
    config,
    from,
    ...(to === undefined ? {} : { to }),
    branch,
    also: flags.texts('also').map((path) => resolve(environment.cwd, path)),
    signal: environment.signal,
    onBatch: async ({ run, plan }) => {
      progress.finish();
      if (run !== undefined) output.lines(publishedLines(context, run, plan));
    },
  });
  progress.finish();
  if (replayed.failed !== undefined) {
    const { run, plan } = replayed.failed;
    const code = await reportRun(context, world, { run, plan });
    output.warn(`main is as it was; the same with --branch ${branch} goes on with the replay`);
    return code;
  }
  const { snapshotId, newest } = replayed;
  output.line(`main is now what ${branch} was: ${batches(from, replayed.to, 'was', 'were')} replayed`);
  if (replayed.to < newest) {
    output.line(`${batches(replayed.to + 1, newest, 'is', 'are')} not on main any more`);
    output.line(`next   ${output.command(`partwise replay --from-batch ${replayed.to + 1}`)}`);
  }
  output.document({ branch, from, to: replayed.to, newest, snapshotId });
  return 0;
};

function batches(from: number, to: number, one: string, many: string): string {
  return from === to ? `batch ${from} ${one}` : `batches ${from} to ${to} ${many}`;
}

function batchNumber(text: string | undefined, flag: string): number {
  if (text !== undefined && /^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(
    text === undefined ? `replay needs --${flag} N` : `--${flag} needs the number of a batch, not '${text}'`,
    { safe: 'nothing was changed', next: 'partwise runs' },
  );
}
