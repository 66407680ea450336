import type { RepairRequest } from '../../run/intake/batch.ts';
import type { RepairOutcome } from './types.ts';

/** What a repair came to, for people: kept in the run's facts, bounded. */
export interface RepairReport extends Pick<RepairOutcome, 'points' | 'windows' | 'files'> {
  /** The newest batch, which it is worked into. */
  readonly batch: number;
  /** Batches whose too late points it took. */
  readonly late: RepairRequest['late'] | undefined;
  readonly stateDigest: string;
}
