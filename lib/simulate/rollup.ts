import type { Assumptions } from './assumptions.ts';
import type { StageVolume } from './summary-volume.ts';

/**
 * A batch of metric points. The rollup workload is not built yet: its CPU is that of a plain query for three resolutions
 * with increases by LAG, measured on one core over four million points.
 */
export interface RollupBatch {
  readonly points: number;
  readonly pointBytes: number;
  /** Points that one core reads, orders by series and rolls up in a second. */
  readonly pointsPerSecond: number;
  /** Points per output row, over all resolutions. */
  readonly reduction: number;
  readonly outputRowBytes: number;
  /** Bytes of partial points and tails that are read and written. */
  readonly stateBytes: number;
}

export const defaultRollup: Omit<RollupBatch, 'points'> = {
  pointBytes: 24,
  pointsPerSecond: 470_000,
  reduction: 10,
  outputRowBytes: 60,
  stateBytes: 1.24e9,
};

/** Points are read once; every resolution and the state come from that one evaluation. */
export function rollupStages(batch: RollupBatch, assumed: Assumptions): readonly StageVolume[] {
  const bytes = batch.points * batch.pointBytes;
  return [
    {
      name: 'rollup',
      units: Math.max(1, Math.ceil(bytes / assumed.unitBytes)),
      bytesRead: bytes + batch.stateBytes,
      bytesWritten: (batch.points / batch.reduction) * batch.outputRowBytes + batch.stateBytes,
      cpuSeconds: batch.points / batch.pointsPerSecond,
    },
  ];
}
