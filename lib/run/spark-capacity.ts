import { parseDurationMs } from '../config/sizes.ts';
import type { GlueSettings } from '../config/spark.ts';
import { type EngineModel, type UnitVolume, unitCpuSeconds } from '../engine/engine-model.ts';
import { prices } from '../simulate/prices.ts';
import type { GroupLimits } from './spark-spread.ts';

/**
 * What a run of Spark on Glue takes and costs: reckoned, not measured. A core of Glue's counts as one of the machine that the
 * model was fitted on, all workers are paid from start to end, and shuffles, S3 and growing by and by are left out.
 */

/** Until a run of Glue 5 begins to work. */
const startSeconds = 60;
/** The least that is billed of a run. */
const leastBilledSeconds = 60;
/** A run that works for less than this is mostly start. */
const usefulSeconds = 600;
/** So that a run that takes twice as long as reckoned still ends. */
const timeoutShare = 0.5;
const coresPerDpu = 4;
const dpusOf: Readonly<Record<string, number>> = { 'G.1X': 1, 'G.2X': 2, 'G.4X': 4, 'G.8X': 8 };

function coresOf({ workerType, workers }: GlueSettings): number {
  return Math.max(1, workers - 1) * (dpusOf[workerType] ?? 1) * coresPerDpu;
}

/** How units are grouped, of which nothing but their bytes is known. */
export function groupLimitsFor(job: GlueSettings, { spark }: Pick<EngineModel, 'spark'>): GroupLimits {
  const bytesIn = (seconds: number) => Math.max(1, Math.floor((seconds * coresOf(job)) / spark.byteSeconds));
  const longest = (parseDurationMs(job.timeout) / 1_000) * timeoutShare - startSeconds;
  const most = bytesIn(Math.max(startSeconds, longest));
  return {
    leastRunBytes: Math.min(most, bytesIn(usefulSeconds)),
    mostRunBytes: most,
    mostRuns: job.concurrentRuns,
  };
}

/** Bytes of a unit that Spark is to work on for about five minutes: it fails and is tried again as a whole. */
export function sparkUnitBytes(job: GlueSettings, { spark }: Pick<EngineModel, 'spark'>): number {
  return Math.max(1, Math.floor((300 * coresOf(job)) / spark.byteSeconds));
}

export interface SparkEstimate {
  readonly runs: number;
  /** From the first run's start to the last one's end. */
  readonly seconds: number;
  readonly cores: number;
  readonly dpuHours: number;
  readonly usd: number;
}

/** @param bytes that the units open */
export function sparkEstimate(
  model: EngineModel,
  { volume, bytes, job }: { readonly volume: UnitVolume; readonly bytes: number; readonly job: GlueSettings },
): SparkEstimate {
  const { leastRunBytes, mostRunBytes } = groupLimitsFor(job, model);
  const useful = Math.min(job.concurrentRuns, Math.floor(bytes / leastRunBytes));
  const runs = Math.max(1, Math.min(volume.units, Math.max(useful, Math.ceil(bytes / mostRunBytes))));
  const cores = coresOf(job);
  const each =
    startSeconds +
    model.spark.warmUpSeconds / coresPerDpu +
    unitCpuSeconds(model.spark, volume) / (runs * cores);
  const dpus = job.workers * (dpusOf[job.workerType] ?? 1);
  const dpuHours = (runs * Math.max(leastBilledSeconds, each) * dpus) / 3_600;
  return {
    runs,
    seconds: Math.ceil(runs / job.concurrentRuns) * each,
    cores,
    dpuHours,
    usd: dpuHours * prices.glueDpuHour,
  };
}
