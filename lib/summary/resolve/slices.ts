import { IntegrityError } from '../../errors.ts';
import {
  type CaseCounts,
  type Elapsed,
  noCases,
  type ResolveOutcome,
  type ResolveSpec,
  type SummaryContext,
} from '../types.ts';

/** One of `count` disjoint sets of a bucket's keys. */
export interface KeySlice {
  readonly index: number;
  readonly count: number;
}

/**
 * A bucket's first load is worked off in slices of its keys when it would not fit in memory: keys do not depend on each
 * other, and without stored rows the slices share no file. Later loads spill instead.
 */
export function keySlices(context: SummaryContext, spec: ResolveSpec): number {
  if (!isFirstLoad(spec)) return 1;
  const rows = spec.months.reduce((sum, [, count]) => sum + count, 0);
  const gathered = spec.strategy === 'unified' ? gatheredFactor : 1;
  const working = gathered * rows * (workingRowBytes + workingEntryBytes * context.config.history.length);
  return Math.max(1, Math.ceil(working / (context.memoryBytes / 2)));
}

/** Whether nothing is stored of the bucket. */
export function isFirstLoad({
  summary,
  latest,
  tombstones,
}: Pick<ResolveSpec, 'summary' | 'latest' | 'tombstones'>): boolean {
  return summary.length + latest.length + tombstones.length === 0;
}

/** The keys of a slice in two: hash % count = index either way. */
export function halves({ index, count }: KeySlice): readonly [KeySlice, KeySlice] {
  return [
    { index, count: 2 * count },
    { index: index + count, count: 2 * count },
  ];
}

/** What a record holds in memory while its bucket is worked on, measured: tables of scalars, then lists. */
const workingRowBytes = 400;
const workingEntryBytes = 60;
/** Gathering holds every array of a key at once. */
const gatheredFactor = 10;

/** Outcomes of disjoint keys as one. Slices of a first load have no change set for stored rows. */
export function mergeOutcomes(parts: readonly ResolveOutcome[]): ResolveOutcome {
  const [first] = parts;
  if (first === undefined) throw new TypeError('a unit without slices');
  if (parts.length === 1) return first;
  if (parts.some((part) => part.changeSet !== undefined)) {
    throw new IntegrityError(`bucket ${first.bucket}: a first load met stored rows`);
  }
  const sum = (count: (part: ResolveOutcome) => number) =>
    parts.reduce((total, part) => total + count(part), 0);
  return {
    ...first,
    cases: addCases(parts.map((part) => part.cases)),
    changes: parts.flatMap((part) => part.changes),
    inserted: parts.flatMap((part) => part.inserted),
    latest: {
      liveBefore: 0,
      removed: sum((part) => part.latest.removed),
      added: sum((part) => part.latest.added),
    },
    tombstones: { before: 0, after: sum((part) => part.tombstones.after) },
    elapsedMs: addElapsed(parts.map((part) => part.elapsedMs)),
  };
}

function addCases(cases: readonly CaseCounts[]): CaseCounts {
  const total: Record<keyof CaseCounts, number> = { ...noCases };
  for (const one of cases) {
    for (const name of Object.keys(noCases) as (keyof CaseCounts)[]) total[name] += one[name];
  }
  return total;
}

function addElapsed(parts: readonly Elapsed[]): Elapsed {
  const total: Record<string, number> = {};
  for (const one of parts)
    for (const [phase, ms] of Object.entries(one)) total[phase] = (total[phase] ?? 0) + ms;
  return total;
}
