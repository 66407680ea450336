import type { SummaryConfig } from '../../config/schema.ts';
import { AdoptionRefusedError } from '../../errors.ts';
import { commitStaged, setProperties } from '../../iceberg/index.ts';
import type { World } from '../../run/workload.ts';
import { findTable } from '../tables/pin-config.ts';
import { targetTables } from '../tables/tables.ts';
import { type AdoptReport, lookAtAdoption } from './look.ts';
import { propertiesToSet } from './properties.ts';

/**
 * Takes the tables over: sets the properties that runs go by, on both tables in one swap where the catalog has one. Rows
 * and files stay as they are. The same again changes nothing. The caller holds the pipeline's lease.
 * @throws AdoptionRefusedError when the tables cannot be gone on with as they are
 */
export async function adoptTables(world: World, config: SummaryConfig): Promise<AdoptReport> {
  const report = await lookAtAdoption(world, config);
  if (report.verdict !== 'adoptable') {
    const [first, ...more] = [...report.summary, ...report.latest].filter(
      ({ status }) => status === 'refused' || status === 'rewrite',
    );
    throw new AdoptionRefusedError(
      `the tables of ${config.pipeline} cannot be adopted as they are: ${first?.detail ?? ''}${more.length === 0 ? '' : `; and ${more.length} more`}`,
      {
        details: { verdict: report.verdict, findings: [first, ...more] },
        safe: 'nothing was changed',
        next: 'partwise adopt',
      },
    );
  }
  const pinned = { ...config, tables: { ...config.tables, buckets: config.tables.buckets ?? 1 } };
  const staged = [];
  for (const role of ['summary', 'latest'] as const) {
    const table = await findTable(world, config, role);
    const target = targetTables(pinned, world.warehouse.root).find((one) => one.role === role);
    if (table === undefined || target === undefined) continue;
    const set = propertiesToSet(table, target);
    if (Object.keys(set).length === 0) continue;
    staged.push(await setProperties({ store: world.warehouse, clock: world.clock, table, set }));
  }
  if (staged.length > 0) await commitStaged({ store: world.warehouse, catalog: world.catalog, staged });
  return report;
}
