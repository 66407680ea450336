import { UsageError } from '../../errors.ts';
import type { UpkeepPart } from '../../run/workload.ts';
import { workloadOf } from '../../run/workloads.ts';
import type { CommandHandler } from '../command.ts';
import { underLease } from '../lease.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { openExisting } from '../session.ts';
import { didYouMean } from '../suggest.ts';

const actions: readonly UpkeepPart[] = ['compact', 'expire', 'orphans'];

export const maintain: CommandHandler = async (context) => {
  const { flags, output } = context;
  const dryRun = flags.on('dry-run');
  const named = context.arguments.map(actionOf);
  if (dryRun && named.some((action) => action !== 'orphans')) {
    throw new UsageError('--dry-run lists orphaned files; compact and expire take no dry run', {
      next: 'partwise maintain orphans --dry-run',
    });
  }
  const parts: readonly UpkeepPart[] = dryRun ? ['orphans'] : named.length === 0 ? actions : named;
  const { config } = await loadChosenPipeline(context);
  await using session = await openExisting(context);
  const { world } = session;
  const done = await underLease(world, config.pipeline, `maintain-${context.environment.now()}`, () =>
    workloadOf(config).upkeep(world, config, { parts, apply: !dryRun }),
  );
  output.lines(done);
  if (done.length === 0) output.line(`nothing to ${dryRun ? 'remove' : 'do'} (${parts.join(', ')})`);
  output.document({ parts, dryRun, done });
  return 0;
};

function actionOf(word: string): UpkeepPart {
  const action = actions.find((one) => one === word);
  if (action !== undefined) return action;
  throw new UsageError(`maintain does not know '${word}'${didYouMean(word, actions)}`, {
    next: 'partwise maintain --help',
  });
}
