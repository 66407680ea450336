import { summaryOnly } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { count, plural, printable } from '../../report/format.ts';
import { runTask } from '../../run/local/local-task.ts';
import { type ArrayChange, lookAtArrays, type RebuildLook } from '../../summary/rebuild/look.ts';
import type { RebuildScope, RebuildTask } from '../../summary/tasks/tasks.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { monthRange } from '../month-range.ts';
import { reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openExisting } from '../session.ts';
import { missingLines } from '../task-lines.ts';

const defaultSample = 5;
/** What a run's record holds of a task. */
const mostKeyBytes = 6_000;

export const rebuild: CommandHandler = async (context) => {
  const { flags, environment } = context;
  const scope = scopeOf(context);
  const config = summaryOnly((await loadChosenPipeline(context)).config, 'rebuild');
  await using session = await openExisting(context);
  const { world, progress } = session;
  if (flags.on('dry-run')) {
    const sampleRows = flags.number('sample') ?? defaultSample;
    return tell(context, await lookAtArrays({ world, config, scope, sampleRows }));
  }
  const task: RebuildTask = { kind: 'rebuild', ...scope };
  const { run, plan } = await runTask({ world, config, task, signal: environment.signal });
  progress.finish();
  return await reportRun(context, world, { run, plan });
};

function scopeOf({ flags }: CommandContext): RebuildScope {
  const keys = [...new Set(flags.texts('key'))].sort();
  const month = flags.text('month');
  const refuse = (message: string) =>
    new UsageError(message, { safe: 'nothing was changed', next: 'partwise rebuild --help' });
  if (keys.length === 0 && month === undefined) throw refuse('rebuild needs --key, --month or both');
  if (Buffer.byteLength(JSON.stringify(keys)) > mostKeyBytes)
    throw refuse(`${keys.length} keys are too many for one rebuild: name fewer, or --month alone`);
  const months = month === undefined ? undefined : monthRange(month);
  if (typeof months === 'string') throw refuse(months);
  return {
    ...(keys.length === 0 ? {} : { keys }),
    ...(months === undefined ? {} : { months }),
  };
}

function tell({ output }: CommandContext, look: RebuildLook): ExitCode {
  output.document({ ...look, exitCode: 0 });
  output.lines(missingLines(look.missingKeys));
  const about = `${plural(look.rows, 'row')} in ${plural(look.buckets, 'bucket')} recomputed`;
  if (look.wrong === 0) {
    output.line(`nothing to do: ${about}, every array is right`);
    return 0;
  }
  for (const [array, rows] of Object.entries(look.arrays))
    output.line(`  ${count(rows).padStart(12)}  rows in which ${printable(array)} is wrong`);
  for (const change of look.sample) output.lines(changeLines(change));
  output.line(`${about}; ${plural(look.wrong, 'row')} would be rewritten`);
  return 0;
}

function changeLines({ key, month, array, old, new: fresh }: ArrayChange): readonly string[] {
  const list = (entries: ArrayChange['old']) =>
    entries === null ? 'NULL' : `[${entries.map((entry) => printable(entry ?? '_')).join(', ')}]`;
  return [
    `  key ${printable(key)}, month ${month}: ${printable(array)}`,
    `    old ${list(old)}`,
    `    new ${list(fresh)}`,
  ];
}
