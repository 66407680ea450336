import fc from 'fast-check';
import type { OracleFeedRecord, OracleRecord } from '../oracle/summary-oracle.ts';
import { type ScenarioLimits, scenarios } from './arbitraries.ts';
import type { Scenario, SourceFile } from './scenario.ts';
import type { Shape } from './shape.ts';

export interface HerdOptions extends ScenarioLimits {
  readonly seed: number;
  /** Histories of keys, at least. */
  readonly histories: number;
  readonly historyLength: number;
}

/**
 * Many random scenarios as one table: keys do not depend on each other, so each scenario's go under names of their own, and
 * one run has what that many runs would have had.
 */
export function herd({ seed, histories, historyLength, ...limits }: HerdOptions): Scenario {
  const fits = (shape: Shape) =>
    shape.historyLength === historyLength && shape.keyType === 'string' && shape.deletes;
  const all = fc
    .sample(scenarios(limits), { seed, numRuns: histories * 2 })
    .filter(({ shape }) => fits(shape));
  const chosen: Scenario[] = [];
  for (let keys = 0, at = 0; keys < histories && at < all.length; at += 1) {
    const one = all[at];
    if (one === undefined) break;
    chosen.push(renamed(one, at));
    keys += keysOf(one).size;
  }
  const [first] = chosen;
  if (first === undefined) throw new TypeError('no scenario of that shape');
  const runs = Math.max(...chosen.map((one) => one.runs.length));
  return {
    shape: first.shape,
    initial: chosen.flatMap((one) => one.initial),
    runs: Array.from({ length: runs }, (_, run) => filesOf(chosen, run)),
  };
}

/** Number of different keys. */
export function keysOf({ initial, runs }: Scenario): ReadonlySet<string> {
  const files = runs.flat();
  return new Set([
    ...initial.map(({ normal }) => normal.key),
    ...files.flatMap(({ records, feed }) => [...records, ...(feed ?? [])].map(({ key }) => key)),
  ]);
}

function filesOf(chosen: readonly Scenario[], run: number): readonly SourceFile[] {
  const files = chosen.flatMap((one) => one.runs[run] ?? []);
  const records = files.flatMap((file) => file.records);
  const feed = files.flatMap((file) => file.feed ?? []);
  const half = Math.ceil(records.length / 2);
  const name = `drop-${run}/part`;
  const all: SourceFile[] = [
    { name: `${name}-a.parquet`, format: 'parquet', seed: run, records: records.slice(0, half) },
    { name: `${name}-b.jsonl`, format: 'jsonl', seed: run, records: records.slice(half) },
    { name: `${name}-c.parquet`, format: 'parquet', seed: run, records: [], feed },
  ];
  return all.filter(({ records: rows, feed: fed }) => rows.length + (fed?.length ?? 0) > 0);
}

function renamed({ shape, initial, runs }: Scenario, at: number): Scenario {
  const record = (one: OracleRecord): OracleRecord => ({ ...one, key: `${at}/${one.key}` });
  const fed = (one: OracleFeedRecord): OracleFeedRecord => ({ ...one, key: `${at}/${one.key}` });
  return {
    shape,
    initial: initial.map((row) => ({
      ...row,
      normal: record(row.normal),
      deletion: row.deletion === undefined ? undefined : record(row.deletion),
    })),
    runs: runs.map((files) =>
      files.map((file) => ({
        ...file,
        records: file.records.map(record),
        ...(file.feed === undefined ? {} : { feed: file.feed.map(fed) }),
      })),
    ),
  };
}
