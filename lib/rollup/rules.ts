import type { RollupConfig } from '../config/schema.ts';
import { parseDurationMs } from '../config/sizes.ts';

/** The rules of a pipeline in milliseconds. A window is named by its right edge: (edge - resolution, edge]. */
export interface RollupRules {
  /** Ascending. */
  readonly resolutionsMs: readonly number[];
  /** r0, the greatest common divisor of the resolutions: points are judged and summed up by its windows first. */
  readonly baseMs: number;
  readonly startMs: number;
  readonly batchMs: number;
  /** undefined: only a flush closes windows. */
  readonly latenessMs: number | undefined;
  readonly maxGapMs: number | undefined;
  readonly maxFutureMs: number | undefined;
  readonly duplicates: 'first' | 'last';
}

export function rulesOf(config: RollupConfig): RollupRules {
  const resolutionsMs = config.resolutions.map(parseDurationMs).sort((a, b) => a - b);
  const optional = (duration: string | null) => (duration === null ? undefined : parseDurationMs(duration));
  return {
    resolutionsMs,
    baseMs: resolutionsMs.reduce(greatestCommonDivisor),
    startMs: Date.parse(config.batches.start),
    batchMs: parseDurationMs(config.batches.every),
    latenessMs: optional(config.lateness),
    maxGapMs: optional(config.maxGap),
    maxFutureMs: optional(config.maxFuture),
    duplicates: config.duplicates,
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Right edge of the window that a time lies in; a true ceiling, also below zero. @example windowEnd(-1, 60) // 0 */
export function windowEnd(timeMs: number, resolutionMs: number): number {
  return Math.ceil(timeMs / resolutionMs) * resolutionMs + 0;
}

/** W(b): the declared end of a batch. What arrives before it is the batch's. */
export function watermark(rules: Pick<RollupRules, 'startMs' | 'batchMs'>, batch: number): number {
  return rules.startMs + (batch + 1) * rules.batchMs;
}

/** The batch that a time of arrival falls into; all from before the start into the first. */
export function batchAt(rules: Pick<RollupRules, 'startMs' | 'batchMs'>, timeMs: number): number {
  return Math.max(0, Math.floor((timeMs - rules.startMs) / rules.batchMs));
}

/** Windows up to C are published; undefined while none is. */
export type ClosedThrough = number | undefined;

/**
 * C after a batch: as far behind its end as the lateness says, never back. A flush closes everything:
 * `newestWindowMs` is the largest window, of any resolution, that it publishes.
 */
export function closedThrough(
  rules: Pick<RollupRules, 'latenessMs' | 'baseMs'>,
  watermarkMs: number,
  before: ClosedThrough,
  newestWindowMs: number | undefined,
): ClosedThrough {
  const { latenessMs, baseMs } = rules;
  const due = latenessMs === undefined ? undefined : Math.floor((watermarkMs - latenessMs) / baseMs) * baseMs;
  const candidates = [before, due, newestWindowMs].filter((one) => one !== undefined);
  return candidates.length === 0 ? undefined : Math.max(...candidates);
}
