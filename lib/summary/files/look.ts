import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SummaryConfig } from '../../config/schema.ts';
import { currentSchema, type Schema, withMissingColumns } from '../../iceberg/index.ts';
import type { sideBySide } from '../../run/side-by-side.ts';
import type { World } from '../../run/workload.ts';
import type { RepairTables } from '../repair/tables.ts';
import { targetTables } from '../tables/tables.ts';

/** Looking at the tables outside of a run, as a dry run does. */

/** Schemas with the columns that the next publish will add. */
export function lookSchemas(
  world: World,
  config: SummaryConfig,
  tables: RepairTables,
): Readonly<Record<'summary' | 'latest', Schema>> {
  const targets = targetTables(config, world.warehouse.root);
  const schemaOf = (role: 'summary' | 'latest') => {
    const fields = targets.find((one) => one.role === role)?.fields ?? [];
    const table = tables[role];
    return table === undefined ? { schemaId: 0, fields } : currentSchema(withMissingColumns(table, fields));
  };
  return { summary: schemaOf('summary'), latest: schemaOf('latest') };
}

export function lookSessions(world: World): Parameters<typeof sideBySide>[0] {
  return {
    ...world.resources,
    open: (share) =>
      world.engine.open({
        ...share,
        workFolder: join(world.workRoot, `look-${randomBytes(4).toString('hex')}`),
      }),
  };
}
