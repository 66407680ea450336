import type { OracleBatch, OracleFile, OracleOpenRow, OraclePoint, RollupRules } from './rollup-oracle.ts';

/** Tiny numbers on purpose: windows of 60, batches of 60, a batch closes its own end at once. */
export const rules: RollupRules = {
  resolutionsMs: [60],
  startMs: 0,
  batchMs: 60,
  latenessMs: 0,
  duplicates: 'first',
  maxGapMs: undefined,
  maxFutureMs: undefined,
};

export interface RollupExample {
  readonly name: string;
  readonly rules: RollupRules;
  readonly batches: readonly OracleBatch[];
  /** As `rowText` writes them, with the batch that published them. */
  readonly rows: readonly string[];
  readonly open?: readonly string[];
  /** `batch id@time`. */
  readonly tooLate?: readonly string[];
  readonly tooFar?: readonly string[];
  /** Per batch; absent: none. */
  readonly duplicates?: readonly number[];
  /** C after the last batch. */
  readonly closed: number | undefined;
}

/**
 * Resolution|window, series, labels, count, sum, range, first and last point, increase, resets.
 * @example '60|120 a x/m/1 n2 s9 4..5 4@70 5@120 i1 r0'
 */
export function rowText(row: OracleOpenRow): string {
  return [
    `${row.resolutionMs}|${row.windowMs}`,
    row.id,
    `${row.orgId}/${row.metric}/${row.shardId}`,
    `n${row.count}`,
    `s${row.sum}`,
    `${row.min}..${row.max}`,
    `${row.firstValue}@${row.firstMs}`,
    `${row.lastValue}@${row.lastMs}`,
    `i${row.increase}`,
    `r${row.resets}`,
  ].join(' ');
}

export function at(
  timeMs: number,
  value: number | bigint,
  orgId: string | null = 'x',
  id = 'a',
): OraclePoint {
  return { id, orgId, metric: 'm', shardId: 1, value: BigInt(value), timeMs };
}

/** One file a batch, numbered from 0; its arrival counts from the start of its batch. */
export function batches(...points: readonly (readonly OraclePoint[])[]): readonly OracleBatch[] {
  return points.map((ofBatch, batch) => ({ batch, flush: false, files: [file(0, ofBatch)] }));
}

export function file(arrivedMs: number, points: readonly OraclePoint[], key = 'k', version = ''): OracleFile {
  return { arrivedMs, key, version, points };
}

export function flushed(all: readonly OracleBatch[], ...flushes: readonly number[]): readonly OracleBatch[] {
  return all.map((one) => ({ ...one, flush: flushes.includes(one.batch) }));
}

/** The same example with true arrivals, each in the time of its batch. */
export function inTime(example: RollupExample): RollupExample {
  const { startMs, batchMs } = example.rules;
  return {
    ...example,
    batches: example.batches.map((one) => ({
      ...one,
      files: one.files.map((each) => ({
        ...each,
        arrivedMs: startMs + one.batch * batchMs + each.arrivedMs,
      })),
    })),
  };
}
