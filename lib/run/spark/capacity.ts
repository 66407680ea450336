import { parseDurationMs } from '../../config/sizes.ts';
import type { GlueSettings } from '../../config/spark.ts';
import type { EngineModel } from '../../engine/engine-model.ts';
import { prices } from '../../simulate/prices.ts';
import type { GroupLimits } from './spread.ts';

/**
 * What a run of Spark on Glue gets, takes and costs: reckoned, not measured. A core of Glue's counts as one of the machine that
 * the model was fitted on, all workers are paid from start to end, and shuffles, S3 and growing by and by are left out.
 */

/** Until a run of Glue 5 begins to work. */
const startSeconds = 60;
/** The least that is billed of a run. */
const leastBilledSeconds = 60;
/** A run that works for less than this with all workers is mostly start: another one does not pay off. */
const usefulSeconds = 600;
/** So that a run that takes twice as long as reckoned still ends. */
const timeoutShare = 0.5;
/** Nobody has seen the model meet a cluster: a run is stopped when it takes so many times what was reckoned, and not early. */
const timeoutFactor = 4;
const leastTimeoutSeconds = 1_800;
const coresPerDpu = 4;
/** Of a worker's memory, for the piece that takes most. */
const memoryShare = 0.5;

interface WorkerType {
  readonly name: string;
  readonly dpus: number;
  readonly memoryBytes: number;
}

/** From the smallest on: 4 cores and 16 GB, each next one twice as much. */
const workerTypes: readonly [WorkerType, ...WorkerType[]] = [
  { name: 'G.1X', dpus: 1, memoryBytes: 16e9 },
  { name: 'G.2X', dpus: 2, memoryBytes: 32e9 },
  { name: 'G.4X', dpus: 4, memoryBytes: 64e9 },
  { name: 'G.8X', dpus: 8, memoryBytes: 128e9 },
];

/** The configured type, else the smallest whose memory does for a piece of so many bytes. */
export function workerTypeFor({ workerType }: Pick<GlueSettings, 'workerType'>, pieceBytes: number): string {
  if (workerType !== undefined) return workerType;
  const fitting = workerTypes.find(({ memoryBytes }) => pieceBytes <= memoryBytes * memoryShare);
  return (fitting ?? workerTypes[workerTypes.length - 1] ?? workerTypes[0]).name;
}

/** One worker drives. */
function coresOf(workerType: string, workers: number): number {
  return Math.max(1, workers - 1) * dpusOf(workerType) * coresPerDpu;
}

function dpusOf(workerType: string): number {
  return workerTypes.find(({ name }) => name === workerType)?.dpus ?? 1;
}

/** How units are grouped whose runs have workers of this type, in CPU seconds of a core. */
export function groupLimitsFor(job: GlueSettings, workerType: string): GroupLimits {
  const cores = coresOf(workerType, job.workers);
  const longest = (parseDurationMs(job.timeout) / 1_000) * timeoutShare - startSeconds;
  const most = Math.max(startSeconds, longest) * cores;
  return {
    leastRunSeconds: Math.min(most, usefulSeconds * cores),
    mostRunSeconds: most,
    mostRuns: job.concurrentRuns,
  };
}

/** Spark is to work on a unit for about five minutes: it fails and is tried again as a whole. */
const unitSeconds = 300;

/** CPU seconds of such a unit on Glue. */
export function sparkUnitSeconds(job: GlueSettings): number {
  return unitSeconds * coresOf(workerTypeFor(job, 0), job.workers);
}

/** The same of Spark on this machine. */
export function localUnitSeconds(threads: number): number {
  return unitSeconds * threads;
}

/** What one run of Spark is given. */
export interface RunSize {
  readonly workerType: string;
  /** The one that drives among them. */
  readonly workers: number;
  /** When the run is stopped. */
  readonly timeoutMinutes: number;
}

interface RunWork {
  /** CPU seconds of all its units. */
  readonly coreSeconds: number;
  readonly workerType: string;
}

/**
 * As many workers as make the run cheapest, and at least so many that it works for ten minutes: starting up is paid for each worker, and
 * the one that drives for as long as the others work. Time is what was reckoned several times over.
 */
export function runSizeFor(
  job: GlueSettings,
  { coreSeconds, workerType }: RunWork,
): RunSize & { readonly cores: number; readonly seconds: number } {
  const workerCores = coresOf(workerType, 2);
  const secondsWith = (workers: number) => startSeconds + coreSeconds / coresOf(workerType, workers);
  const quick = 1 + Math.ceil(coreSeconds / (usefulSeconds * workerCores));
  // Where n x (start + work / (n - 1)) is least.
  const least = Math.max(2, 1 + Math.floor(Math.sqrt(coreSeconds / (workerCores * startSeconds))));
  const cheapest = (least + 1) * secondsWith(least + 1) < least * secondsWith(least) ? least + 1 : least;
  const workers = Math.min(job.workers, Math.max(quick, cheapest));
  const cores = coresOf(workerType, workers);
  const seconds = secondsWith(workers);
  const timeout = Math.min(
    parseDurationMs(job.timeout) / 1_000,
    Math.max(leastTimeoutSeconds, timeoutFactor * seconds),
  );
  return { workerType, workers, timeoutMinutes: Math.ceil(timeout / 60), cores, seconds };
}

export interface SparkEstimate {
  readonly runs: number;
  /** From the first run's start to the last one's end. */
  readonly seconds: number;
  /** Of each run, those of the one that drives left out. */
  readonly cores: number;
  readonly workerType: string;
  readonly workers: number;
  readonly dpuHours: number;
  readonly usd: number;
}

/** What runs of Spark are to do. */
export interface SparkWork {
  readonly units: number;
  /** CPU seconds of one core. */
  readonly coreSeconds: number;
  /** What the first unit of a run takes more. */
  readonly warmUpSeconds: number;
  /** What the largest piece of a unit takes of a worker's memory. */
  readonly pieceBytes: number;
}

export function sparkEstimate(work: SparkWork, job: GlueSettings): SparkEstimate {
  const workerType = workerTypeFor(job, work.pieceBytes);
  const runs = runsFor(work, groupLimitsFor(job, workerType));
  const coreSeconds = work.coreSeconds / runs + work.warmUpSeconds;
  const { workers, cores, seconds } = runSizeFor(job, { coreSeconds, workerType });
  const dpuHours = (runs * Math.max(leastBilledSeconds, seconds) * workers * dpusOf(workerType)) / 3_600;
  return {
    runs,
    seconds: Math.ceil(runs / job.concurrentRuns) * seconds,
    cores,
    workerType,
    workers,
    dpuHours,
    usd: dpuHours * prices.glueDpuHour,
  };
}

/** Into how many runs units are grouped: further ones pay off with their minute of starting up, or have to be. */
export function runsFor(
  { units, coreSeconds }: Pick<SparkWork, 'units' | 'coreSeconds'>,
  { leastRunSeconds, mostRunSeconds, mostRuns }: GroupLimits,
): number {
  const useful = Math.min(mostRuns, Math.floor(coreSeconds / leastRunSeconds));
  const needed = Math.ceil(coreSeconds / mostRunSeconds);
  return Math.max(1, Math.min(units, Math.max(useful, needed)));
}

/** CPU seconds of a unit of which nothing but its bytes is known. */
export function secondsOfBytes(bytes: number, { spark }: Pick<EngineModel, 'spark'>): number {
  return bytes * spark.byteSeconds;
}
