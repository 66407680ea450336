import { IntegrityError } from '../errors.ts';
import { publishTables } from '../run/publish/commit-set.ts';
import { rollForward } from '../run/publish/roll-forward.ts';
import type { Plan, Published } from '../run/workload.ts';
import { bucketFilter } from './plan/files.ts';
import { tableIdentifier, targetTables } from './tables/tables.ts';
import { summaryTask } from './tasks/tasks.ts';
import { checkStage, type SummaryContext, type SummaryPlanFacts } from './types.ts';

/** Publishes summary first, then latest and tombstones; one swap where the catalog has one. */
export function publishSummary(context: SummaryContext, plan: Plan): Promise<Published> {
  const { config } = context;
  const facts = plan.workload as SummaryPlanFacts;
  const buckets = new Set(facts.touchedBuckets);
  return publishTables({
    context,
    plan,
    targets: targetTables(config, context.world.warehouse.root),
    idleStages: [checkStage],
    // latest is kept per bucket, so a run depends on all months of its buckets.
    readPartitions: (_target, table) =>
      bucketFilter({ table, key: config.key, count: facts.buckets, buckets }),
  });
}

/**
 * Brings tables up to date that a run left behind between two swaps. A repair of latest goes on without it where another
 * writer has changed it since: it makes latest anew.
 * @throws IntegrityError when a lagging table was changed by another writer
 */
export async function rollForwardSummary(
  context: Pick<SummaryContext, 'world' | 'config'> & Partial<Pick<SummaryContext, 'task'>>,
): Promise<void> {
  const { world, config } = context;
  const { warehouse: store, catalog, clock } = world;
  const tables = targetTables(config, store.root).map((target) => target.identifier);
  const latest = tableIdentifier(config, 'latest');
  try {
    await rollForward({ store, catalog, clock, tables });
  } catch (error) {
    const isLatest =
      error instanceof IntegrityError && error.details['table'] === `${latest.namespace}.${latest.name}`;
    if (!isLatest || summaryTask(context)?.kind !== 'repair-latest') throw error;
    await rollForward({ store, catalog, clock, tables, leave: [latest] });
  }
}
