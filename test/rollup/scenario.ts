import type { OracleBatch, OraclePoint, RollupRules } from '../oracle/rollup-oracle.ts';

const startMs = 1_767_225_600_000;
const minute = 60_000;

const rules: RollupRules = {
  resolutionsMs: [minute, 5 * minute],
  startMs,
  batchMs: 5 * minute,
  latenessMs: minute,
  duplicates: 'last',
  maxGapMs: undefined,
  maxFutureMs: undefined,
};

/** A point of a series so many seconds after the start of everything. */
export function pointAt(seconds: number, value: number, id = 'cpu'): OraclePoint {
  return {
    id,
    orgId: 'org-1',
    metric: 'requests',
    shardId: id.length,
    value: BigInt(value),
    timeMs: startMs + seconds * 1_000,
  };
}

/** A file that arrives a minute after the batch has begun. */
export function batchOf(
  batch: number,
  points: readonly OraclePoint[],
  options: { readonly key?: string; readonly flush?: boolean } = {},
): OracleBatch {
  const { key = `f${batch}`, flush = false } = options;
  const arrivedMs = startMs + batch * rules.batchMs + minute;
  return { batch, flush, files: [{ arrivedMs, key, version: '1', points }] };
}

/** Series that go on over the batches, a window that waits for the next one, a late point and a reset. */
export const threeBatches = {
  rules,
  batches: [
    batchOf(0, [pointAt(10, 3), pointAt(70, 5), pointAt(20, 1, 'disk'), pointAt(290, 9)]),
    batchOf(1, [pointAt(280, 8), pointAt(310, 2), pointAt(20, 7), pointAt(400, 4, 'disk')]),
    batchOf(2, [pointAt(620, 6), pointAt(590, 3, 'disk'), pointAt(850, 11)]),
  ],
} as const;
