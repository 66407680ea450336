import type { EngineSession } from '../../engine/engine.ts';
import type { Location } from '../../stores/ports.ts';
import { liveRows } from '../../upkeep/live-rows.ts';
import type { SummaryShape } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import type { SummaryContext } from '../types.ts';
import type { Noted } from './findings.ts';
import { type BucketState, filesAfter, type StateFile, type TableState } from './state.ts';

/** What every check of one bucket gets. */
export interface BucketAudit {
  readonly context: SummaryContext;
  readonly session: EngineSession;
  readonly shape: SummaryShape;
  readonly findings: Noted;
  readonly tables: Readonly<Record<Role, TableState>>;
  readonly state: BucketState;
  /** Prepared rows of the feed `records`, each file with rows of many buckets. */
  readonly sources: readonly Location[];
  /** Prepared rows of the deletions feed, likewise. */
  readonly feed: readonly Location[];
}

/** A parenthesised SELECT of live rows of the role's table; column names of the role's schema. */
export function rowsOf(
  audit: BucketAudit,
  role: Role,
  files: readonly StateFile[],
  columns?: readonly string[],
  place = false,
): Promise<string> {
  return liveRows({
    store: audit.context.world.warehouse,
    schema: audit.tables[role].schema,
    files,
    place,
    ...(columns === undefined ? {} : { columns }),
  });
}

export function after(audit: BucketAudit, role: Role): readonly StateFile[] {
  return filesAfter(audit.state.roles[role]);
}

export function count(row: Readonly<Record<string, unknown>> | undefined, name: string): number {
  return Number(row?.[name] ?? 0);
}
