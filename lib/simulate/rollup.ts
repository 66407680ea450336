import { parseDurationMs, type RollupConfig } from '../config/index.ts';
import type { Assumptions } from './assumptions.ts';
import { preparedFiles, preparedReads } from './prepared.ts';
import type { StageVolume } from './summary-volume.ts';

/** A batch of metric points. */
export interface RollupBatch {
  readonly points: number;
  readonly series: number;
  readonly batchMs: number;
  readonly latenessMs: number;
  readonly resolutionsMs: readonly number[];
  /** Points of one unit. */
  readonly unitPoints: number;
  /** Points of one unit of the audit. */
  readonly auditPoints: number;
  /** Label columns, the shard among them. */
  readonly labels: number;
  readonly hasSketches: boolean;
  readonly pointBytes: number;
  readonly rowBytes: number;
  /** Of a waiting point, a tail or an open row. */
  readonly stateRowBytes: number;
  /** CPU seconds of one core for a million points (docs/performance.md). */
  readonly cpuSeconds: { readonly prepare: number; readonly rollup: number; readonly audit: number };
}

/** Points of one series where nothing says how many series there are. */
const pointsPerSeries = 200;

const measured = {
  pointBytes: 24,
  rowBytes: 36,
  stateRowBytes: 6,
  cpuSeconds: { prepare: 0.2, rollup: 0.8, audit: 0.25 },
} as const;

/** What a pipeline says of its batches; by default three resolutions and hourly batches. */
export function rollupBatch(
  points: number,
  series: number | undefined,
  config: RollupConfig | undefined,
): RollupBatch {
  const { resolutions, batches, lateness, work, audit } = config ?? usual;
  const sketches = (config?.quantiles ?? null) === null ? 1 : withSketches;
  const { prepare, rollup, audit: audited } = measured.cpuSeconds;
  return {
    ...measured,
    cpuSeconds: { prepare, rollup: rollup * sketches, audit: audited * sketches },
    points,
    series: Math.min(points, series ?? Math.max(1, Math.round(points / pointsPerSeries))),
    batchMs: parseDurationMs(batches.every),
    latenessMs: lateness === null ? 0 : parseDurationMs(lateness),
    resolutionsMs: resolutions.map(parseDurationMs).sort((a, b) => a - b),
    unitPoints: Math.ceil(work.unitPoints / sketches),
    auditPoints: audit.unitPoints,
    hasSketches: sketches > 1,
    labels: config === undefined ? 3 : config.points.labels.length + 1,
  };
}

/** Sketches take about as much again (docs/performance.md), and units get half as many points. */
const withSketches = 2;

const usual: Pick<RollupConfig, 'resolutions' | 'lateness'> & {
  readonly batches: Pick<RollupConfig['batches'], 'every'>;
  readonly work: Pick<RollupConfig['work'], 'unitPoints'>;
  readonly audit: Pick<RollupConfig['audit'], 'unitPoints'>;
} = {
  resolutions: ['1m', '5m', '1h'],
  batches: { every: '1h' },
  lateness: '15m',
  work: { unitPoints: 10_000_000 },
  audit: { unitPoints: 50_000_000 },
};

/** Rows of one resolution in a batch: one for each series and window, where no series has fewer points than windows. */
export function rowsOut(batch: RollupBatch, resolutionMs: number): number {
  return Math.min(batch.points, batch.series * Math.max(1, batch.batchMs / resolutionMs));
}

/** Points are read once by the work; every resolution and the state come from that one evaluation. */
export function rollupStages(batch: RollupBatch, assumed: Assumptions): readonly StageVolume[] {
  const { points, pointBytes, cpuSeconds } = batch;
  const bytes = points * pointBytes;
  const units = Math.max(1, Math.ceil(points / batch.unitPoints));
  // Part, row number, series, time, value and labels.
  const columns = batch.labels + 5;
  const read = preparedReads({ rows: points, rowBytes: pointBytes, columns, units }, assumed);
  const audits = Math.max(1, Math.ceil(points / batch.auditPoints));
  const audited = preparedReads({ rows: points, rowBytes: pointBytes, columns, units: audits }, assumed);
  const written = batch.resolutionsMs.reduce((sum, one) => sum + rowsOut(batch, one), 0) * batch.rowBytes;
  const waiting = points * Math.min(1, batch.latenessMs / batch.batchMs);
  const state = (waiting + batch.series * batch.resolutionsMs.length) * batch.stateRowBytes;
  const millions = points / 1e6;
  return [
    {
      name: 'prepare',
      units: preparedFiles(points, pointBytes, assumed),
      bytesRead: bytes,
      bytesWritten: bytes,
      cpuSeconds: millions * cpuSeconds.prepare,
    },
    {
      name: 'rollup',
      units,
      bytesRead: read.bytesRead + state,
      requests: read.requests,
      bytesWritten: written + state,
      cpuSeconds: millions * cpuSeconds.rollup,
    },
    {
      name: 'audit',
      units: audits,
      bytesRead: audited.bytesRead + written + 2 * state,
      requests: audited.requests,
      bytesWritten: 0,
      cpuSeconds: millions * cpuSeconds.audit,
    },
  ];
}
