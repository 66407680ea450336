import { type SummaryConfig, summaryOnly } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { bytes, count, plural } from '../../report/format.ts';
import { runTask } from '../../run/local/local-task.ts';
import { lookAtCells, type RewriteLook } from '../../summary/rewrite/look.ts';
import {
  type CompactTask,
  configForTask,
  type RebucketTask,
  type RewriteTask,
} from '../../summary/tasks/tasks.ts';
import { bucketList } from '../bucket-list.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { monthRange } from '../month-range.ts';
import { isOnAws } from '../on-aws.ts';
import { reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openAnywhere, openExisting } from '../session.ts';

export const rebucket: CommandHandler = async (context) => {
  const buckets = context.flags.number('buckets');
  if (buckets === undefined)
    throw new UsageError('rebucket needs --buckets', {
      safe: 'nothing was changed',
      next: 'partwise rebucket --help',
    });
  const task: RebucketTask = { kind: 'rebucket', buckets };
  return rewrite(context, summaryOnly((await loadChosenPipeline(context)).config, 'rebucket'), task);
};

export const compact: CommandHandler = async (context) => {
  const { flags } = context;
  const month = flags.text('month');
  const months = month === undefined ? undefined : monthRange(month);
  if (typeof months === 'string')
    throw new UsageError(months, { safe: 'nothing was changed', next: 'partwise compact --help' });
  const buckets = bucketList(flags.texts('bucket'), 'partwise compact');
  const task: CompactTask = {
    kind: 'compact',
    ...(months === undefined ? {} : { months }),
    ...(buckets.length === 0 ? {} : { buckets }),
  };
  return rewrite(context, summaryOnly((await loadChosenPipeline(context)).config, 'compact'), task);
};

async function rewrite(context: CommandContext, config: SummaryConfig, task: RewriteTask): Promise<ExitCode> {
  if (context.flags.on('dry-run')) {
    await using session = await openAnywhere(context);
    return tell(context, await lookAtCells(session.world, configForTask(config, task), task));
  }
  if (isOnAws(context)) return await (await import('../aws/task.ts')).doTaskOnAws(context, task);
  await using session = await openExisting(context);
  const { world, progress } = session;
  const { signal } = context.environment;
  const { run, plan } = await runTask({ world, config, task, signal });
  progress.finish();
  return await reportRun(context, world, { run, plan });
}

function tell({ output }: CommandContext, look: RewriteLook): ExitCode {
  output.document({ ...look, exitCode: 0 });
  const { from, to, tables } = look;
  if (tables.every(({ files }) => files === 0)) {
    output.line(
      from === to
        ? `nothing to do: ${look.kind === 'rebucket' ? `the tables have ${to} buckets` : 'no cell has too many small files or deleted rows'}`
        : `the tables have no rows: only what new files are written for changes, from ${from} to ${to} buckets`,
    );
    return 0;
  }
  for (const { role, cells, files, sizeBytes, rows } of tables)
    output.line(
      `  ${role.padEnd(10)}  ${plural(files, 'file')} in ${plural(cells, 'cell')}, ${bytes(sizeBytes)}, ${plural(rows, 'row')} with the deleted ones`,
    );
  const sum = (of: 'sizeBytes' | 'filesAfter') => tables.reduce((total, table) => total + table[of], 0);
  const what =
    look.kind === 'rebucket' ? `${plural(from, 'bucket')} would become ${count(to)}` : 'would be compacted';
  const [read, files] = [sum('sizeBytes'), sum('filesAfter')];
  output.line(
    `${what}; ${bytes(read)} would be read and about as much written, to at most ${plural(files, 'file')}`,
  );
  if (look.kind === 'rebucket' && files > tables.length && read / files < tinyBytes)
    output.line(
      `warning: that is ${bytes(read / files)} a file. Small files cost more than their rows, to write and to read: fewer buckets do`,
    );
  return 0;
}

/** Files below this are mostly footer. */
const tinyBytes = 1e6;
