import type { SummaryConfig } from '../../config/schema.ts';
import type { Role } from '../tables/tables.ts';

/** Columns that the rows of a rewritten file are sorted by; a cell of summary is one month. */
export function sortColumns({ key, month }: SummaryConfig, role: Role): readonly string[] {
  return role === 'tombstones' ? [key, month] : [key];
}
