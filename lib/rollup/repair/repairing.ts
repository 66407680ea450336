import type { EngineSession } from '../../engine/engine.ts';
import type { Table } from '../../iceberg/index.ts';
import { loadTableAt } from '../../iceberg/index.ts';
import { type RollupShape, rollupShape } from '../columns.ts';
import { type RollupRules, rulesOf } from '../rules.ts';
import { tableIdentifier } from '../tables.ts';
import type { RollupContext } from '../types.ts';
import { mergeableValues } from './stored.ts';
import { type TableFile, tableFiles } from './table-files.ts';
import type { RepairSpec } from './types.ts';

/** What every step of the unit gets. Steps hand on tables of the session; each says which it makes. */
export interface Repairing {
  readonly context: RollupContext;
  readonly session: EngineSession;
  readonly spec: RepairSpec;
  readonly rules: RollupRules;
  readonly shape: RollupShape;
  /** Names of the label columns in the session's tables. */
  readonly labels: readonly string[];
  /** Columns of the mergeable rows. */
  readonly values: readonly string[];
  readonly table: Table;
  readonly files: readonly TableFile[];
  readonly unit: string;
}

export async function startRepairing(
  context: RollupContext,
  session: EngineSession,
  options: { readonly spec: RepairSpec; readonly unit: string },
): Promise<Repairing> {
  const { config, world } = context;
  const { spec } = options;
  const shape = rollupShape(config);
  const table = await loadTableAt({
    store: world.warehouse,
    identifier: tableIdentifier(config),
    metadataLocation: spec.metadataLocation,
  });
  const files = await tableFiles({
    store: world.warehouse,
    table,
    snapshotId: BigInt(spec.snapshotId),
    series: shape.series.name,
  });
  const labels = shape.labels.map((_, at) => `l${at}`);
  return {
    ...options,
    context,
    session,
    rules: rulesOf(config),
    shape,
    labels,
    values: mergeableValues(shape),
    table,
    files,
  };
}

/** A number of a query of one row. */
export async function numberOf(session: EngineSession, select: string): Promise<number> {
  const [row] = await session.query(select);
  return Number(Object.values(row ?? {})[0] ?? 0);
}
