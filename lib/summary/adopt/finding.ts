/**
 * What adoption finds. `set`: a property that adoption sets. `mend`: rows that can be gone on with, and the command that
 * mends them. `rewrite`: the table has to be rewritten first. `refused`: it cannot be gone on with.
 */
export type FindingStatus = 'ok' | 'set' | 'mend' | 'rewrite' | 'refused';

export interface AdoptFinding {
  readonly status: FindingStatus;
  readonly name: string;
  readonly detail: string;
  readonly next?: string;
}
