import { publishTables } from '../run/commit-set.ts';
import { rollForward } from '../run/roll-forward.ts';
import type { Plan, Published } from '../run/workload.ts';
import { bucketFilter } from './plan-files.ts';
import { targetTables } from './tables.ts';
import type { SummaryContext, SummaryPlanFacts } from './types.ts';

/** Publishes summary first, then latest and tombstones; one swap where the catalog has one. */
export function publishSummary(context: SummaryContext, plan: Plan): Promise<Published> {
  const { config } = context;
  const facts = plan.workload as SummaryPlanFacts;
  const buckets = new Set(facts.touchedBuckets);
  return publishTables({
    context,
    plan,
    targets: targetTables(config, context.world.warehouse.root),
    // latest is kept per bucket, so a run depends on all months of its buckets.
    readPartitions: (_target, table) =>
      bucketFilter({ table, key: config.key, count: facts.buckets, buckets }),
  });
}

/** Brings tables up to date that a run left behind between two swaps. */
export async function rollForwardSummary({
  world,
  config,
}: Pick<SummaryContext, 'world' | 'config'>): Promise<void> {
  const { warehouse: store, catalog, clock } = world;
  const tables = targetTables(config, store.root).map((target) => target.identifier);
  await rollForward({ store, catalog, clock, tables });
}
