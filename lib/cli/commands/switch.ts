import { UsageError } from '../../errors.ts';
import { switchToBranch } from '../branches.ts';
import type { CommandHandler } from '../command.ts';
import { underLease } from '../lease.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openExisting } from '../session.ts';
import { fullName } from '../tables.ts';

export const switchBranch: CommandHandler = async (context) => {
  const { output } = context;
  const branch = context.arguments[0] ?? '';
  if (branch === 'main') throw new UsageError('main is what readers see already');
  const { config } = await loadChosenPipeline(context);
  await using session = await openExisting(context);
  const { world } = session;
  const switched = await underLease(world, config.pipeline, `switch-${branch}`, async () =>
    (await switchToBranch({ world, config, branch })).map((table) => ({
      table: fullName(table.identifier),
      snapshotId: String(table.metadata.refs['main']?.snapshotId ?? ''),
    })),
  );
  output.line(`main is now what ${branch} was:`);
  for (const one of switched) output.line(`  ${one.table} at snapshot ${one.snapshotId}`);
  output.line(`next   ${output.command('partwise show latest --limit 5')}`);
  output.document({ branch, tables: switched });
  return 0;
};
