import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession } from '../../engine/engine.ts';
import type { PartitionValue } from '../../iceberg/types.ts';
import { bytes, count, duration, instant, plural } from '../../report/format.ts';
import type { Plan } from '../../run/workload.ts';
import type { RollupRules } from '../rules.ts';
import { bucketOf } from '../sql/rows.ts';
import { windowOf } from '../sql/windows.ts';
import type { LetterFile } from './letters.ts';
import { numberOf } from './repairing.ts';
import { bucketDay, filesFor, type TableFile } from './table-files.ts';

/** Rewriting sorted rows, per core; and what a repair costs whatever it touches. */
const bytesPerSecond = 5e6;
const secondsPerRepair = 1;

interface ExplainOptions {
  readonly session: EngineSession;
  readonly rules: RollupRules;
  readonly facts: {
    readonly taken: number;
    readonly tooFar: number;
    readonly batch: number;
    readonly closedThroughMs: number;
    readonly letters: readonly LetterFile[];
    /** Files that were claimed. */
    readonly files: number;
  };
  /** Files of kept points that may hold some of the touched windows. */
  readonly retained: number;
  readonly files: readonly TableFile[];
}

/** What a repair will do, from its points and the manifests: windows exactly, files at most. */
export async function explainRepair(options: ExplainOptions): Promise<{
  readonly lines: readonly string[];
  readonly bytes: number;
  readonly estimate: Plan['estimate'];
}> {
  const { session, rules, facts, retained } = options;
  const closed = `counts AND ts <= ${facts.closedThroughMs}`;
  const series = await numberOf(session, `SELECT count(DISTINCT id) FROM gathered WHERE counts`);
  const open = await numberOf(session, `SELECT count(*) FROM gathered WHERE counts AND NOT (${closed})`);
  const lines = [
    `batch ${facts.batch} is the newest, closed to ${instant(facts.closedThroughMs)}; it stays so, with other rows and another state`,
    `${plural(facts.taken, 'point')} of ${plural(series, 'series', 'series')}, from ${plural(facts.letters.length, 'file')} of dead letters and ${plural(facts.files, 'further file')}` +
      `${open === 0 ? '' : `; ${count(open)} in windows that are open, where they wait with the others`}${facts.tooFar === 0 ? '' : `; ${count(facts.tooFar)} more are too far in the future`}`,
    `${plural(retained, 'file')} of kept points may have the other points of their windows`,
  ];
  let total = 0;
  for (const resolutionMs of rules.resolutionsMs) {
    const touched = `SELECT DISTINCT id, ${windowOf('ts', resolutionMs)} AS w FROM gathered WHERE ${closed}`;
    const windows = await numberOf(session, `SELECT count(*) FROM (${touched})`);
    const files = await filesOf(options, touched, resolutionMs);
    const size = files.reduce((sum, { file }) => sum + file.sizeBytes, 0);
    total += size;
    lines.push(
      `${duration(resolutionMs)}: ${plural(windows, 'window')} in at most ${plural(files.length, 'file')} of ${bytes(size)}, rewritten where a row changes; and the series' next ones`,
    );
  }
  return {
    lines,
    bytes: total,
    estimate: {
      seconds: secondsPerRepair + total / bytesPerSecond,
      bytesRead: total,
      bytesWritten: total,
      costUsd: undefined,
    },
  };
}

/** Files that may hold the windows; each bucket of time on its own, since they may lie far apart. */
async function filesOf(
  { session, files }: ExplainOptions,
  touched: string,
  resolutionMs: number,
): Promise<readonly TableFile[]> {
  const found = new Set<TableFile>();
  const buckets = await session.query(
    `SELECT min(w) AS first, max(w) AS last, min(id) AS low, max(id) AS high FROM (${touched}) GROUP BY ${bucketOf(duckDb, 'w', resolutionMs)}`,
  );
  for (const { first, last, low, high } of buckets)
    for (const one of filesFor(files, {
      resolutionMs,
      days: new Set([bucketDay(Number(first), resolutionMs)]),
      ids: [low as PartitionValue, high as PartitionValue],
      windows: [Number(first), Number(last)],
    }))
      found.add(one);
  return [...found];
}
