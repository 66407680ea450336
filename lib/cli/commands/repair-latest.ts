import { summaryOnly } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { count, plural, printable } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { runTask } from '../../run/local/local-task.ts';
import { type LatestLook, lookAtLatest } from '../../summary/repair/look.ts';
import { repairStatements } from '../../summary/repair/statements.ts';
import type { BucketScope, RepairLatestTask } from '../../summary/tasks/tasks.ts';
import { bucketList } from '../bucket-list.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { unitLines } from '../plan-statements.ts';
import { openExisting } from '../session.ts';

export const repairLatest: CommandHandler = async (context) => {
  const scope = scopeOf(context);
  const config = summaryOnly((await loadChosenPipeline(context)).config, 'repair latest');
  await using session = await openExisting(context);
  const { world, progress } = session;
  if (context.flags.on('sql')) {
    const told = await repairStatements(world, config, scope);
    context.output.document({ statements: told, exitCode: 0 });
    context.output.lines(told.length === 0 ? ['no bucket would be looked at'] : told.flatMap(unitLines));
    return 0;
  }
  if (context.flags.on('dry-run')) return tell(context, await lookAtLatest(world, config, scope));
  const task: RepairLatestTask = { kind: 'repair-latest', buckets: scope };
  const { run, plan } = await runTask({ world, config, task, signal: context.environment.signal });
  progress.finish();
  return await reportRun(context, world, { run, plan });
};

function scopeOf({ flags }: CommandContext): BucketScope {
  const named = flags.texts('bucket');
  if (named.length === 0) return flags.on('all') ? 'all' : 'suspect';
  if (flags.on('all'))
    throw new UsageError('--all and --bucket exclude each other', {
      safe: 'nothing was changed',
      next: 'partwise repair --help',
    });
  return bucketList(named, 'partwise repair');
}

function tell({ output }: CommandContext, look: LatestLook): ExitCode {
  output.document({ ...look, exitCode: 0 });
  for (const reason of look.reasons) output.line(`  ${reason}`);
  const about = `${plural(look.keys, 'key')} in ${plural(look.buckets, 'bucket')} compared`;
  if (look.deviating.length === 0) {
    output.line(
      look.buckets === 0
        ? 'nothing to do: no bucket is suspect'
        : `nothing to do: ${about}, latest is what summary says`,
    );
    if (look.buckets === 0) output.line(`next   ${output.command('partwise repair latest --all --dry-run')}`);
    return 0;
  }
  const columns = ['bucket', 'keys', 'missing', 'surplus', 'twice', 'wrong month', 'wrong row'].map(
    (title) => ({
      title,
      align: 'right' as const,
    }),
  );
  const rows = look.deviating.map(({ bucket, keys, kinds }) => [
    String(bucket),
    ...[keys, kinds.missing, kinds.surplus, kinds.twice, kinds.wrongMonth, kinds.wrongRow].map(count),
  ]);
  output.lines(textTable({ columns, rows }));
  for (const one of look.deviating) {
    for (const { key, kind, found, expected } of one.examples)
      output.line(
        `  bucket ${one.bucket}, key ${printable(key)}: ${kindWords[kind]}${found === undefined ? '' : `, latest has ${found}`}${expected === undefined ? '' : `, summary's is ${expected}`}`,
      );
    for (const { column, rows: differing } of one.columns.slice(0, shownColumns))
      output.line(`  bucket ${one.bucket}: ${printable(column)} differs in ${plural(differing, 'row')}`);
    if (one.storedTwice > 0)
      output.line(
        `  bucket ${one.bucket}: summary holds a month of ${plural(one.storedTwice, 'key')} twice, such as ${printable(one.storedTwiceKey ?? '')}; a repair refuses the bucket`,
      );
  }
  output.line(`${about}; ${plural(look.deviating.length, 'bucket')} would be written anew`);
  return 0;
}

const shownColumns = 5;

const kindWords = {
  missing: 'missing in latest',
  surplus: 'in latest without a row in summary',
  twice: 'in latest more than once',
  wrongMonth: 'of another month',
  wrongRow: 'unlike its summary row',
} as const;
