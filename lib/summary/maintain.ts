import type { SummaryConfig } from '../config/schema.ts';
import type { World } from '../run/workload.ts';
import { keepTables, type MaintainOptions } from '../upkeep/maintain.ts';
import { roles } from './audit/state.ts';
import { rollForwardSummary } from './publish.ts';
import { summaryShape } from './tables/columns.ts';
import { tableIdentifier } from './tables/tables.ts';
import type { SummaryContext } from './types.ts';

/** After a publish, by policy. The caller holds the pipeline's lease. */
export function maintain(context: SummaryContext): Promise<readonly string[]> {
  return maintainTables(context.world, context.config, { apply: true, publishedRunId: context.runId });
}

/** The pipeline's tables, each cell sorted by the key. The caller holds the pipeline's lease. */
export async function maintainTables(
  world: World,
  config: SummaryConfig,
  options: MaintainOptions = {},
): Promise<readonly string[]> {
  // What was prepared for a table that lags looks like orphans, and expiry would pull its ground away.
  if (options.apply !== false) await rollForwardSummary({ world, config });
  const { maxSmallFiles, maxDeadFraction } = config.work;
  const sortBy = [summaryShape(config).key.name];
  const tables = roles.map((role) => ({
    identifier: tableIdentifier(config, role),
    sortBy,
    maxSmallFiles,
    maxDeadFraction,
  }));
  return keepTables({ ...options, world, config, tables });
}
