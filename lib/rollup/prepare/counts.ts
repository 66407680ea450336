import type { EngineSession } from '../../engine/engine.ts';
import type { Prepared } from '../../run/workload.ts';
import type { PointColumn, Spreading } from '../sql/points.ts';
import {
  incomplete,
  lateness,
  pointTimes,
  seriesFound,
  seriesParts,
  timeFacts,
  timesUsable,
} from '../sql/prepared.ts';
import type { PreparedPoints } from '../types.ts';

interface CountOptions {
  readonly session: EngineSession;
  /** SELECT of pw_row, id, ts, v, l0, … */
  readonly rows: string;
  readonly columns: readonly PointColumn[];
  /** SQL: whether a point counts in this batch. */
  readonly inTime: string;
  readonly watermarkMs: number;
}

export interface CountedPoints {
  /** Whether a row has no series, no value or no usable time. Nothing else is known then. */
  readonly isFaulty: boolean;
  readonly newestMs: number | null;
}

const faulty: CountedPoints = { isFaulty: true, newestMs: null };

/**
 * Makes the tables `times` and `series` of the rows (sql/prepared.ts). Times first: as long as all points are in time,
 * which most batches' are, nothing has to be told apart in the pass over the series.
 */
export async function countPrepared(options: CountOptions): Promise<CountedPoints> {
  const { session, rows, columns, inTime, watermarkMs } = options;
  const [claimed] = await session.query(timesUsable(rows));
  if (claimed?.['usable'] !== true) return faulty;
  await session.execute(`CREATE OR REPLACE TEMP TABLE times AS ${pointTimes(rows, watermarkMs)}`);
  const [times] = await session.query(timeFacts(inTime));
  if (times?.['usable'] !== true) return faulty;
  const isAll = times['in_time'] === true;
  await session.execute(
    `CREATE OR REPLACE TEMP TABLE series AS ${seriesFound(rows, columns, isAll ? undefined : inTime)}`,
  );
  const [bad] = await session.query(incomplete);
  if (Number(bad?.['n']) > 0) return faulty;
  if (isAll) return { isFaulty: false, newestMs: numberOr(times['newest']) };
  const [series] = await session.query('SELECT max(newest) AS newest FROM series');
  return { isFaulty: false, newestMs: numberOr(series?.['newest']) };
}

/** What the tables say, for the plan. */
export async function preparedCounts(
  session: EngineSession,
  spreading: Spreading,
): Promise<{ readonly cells: Prepared['cells']; readonly lateness: PreparedPoints['lateness'] }> {
  const cells = await session.query(seriesParts(spreading));
  const late = await session.query(lateness());
  return {
    cells: cells.map((row) => [0, Number(row['part']), Number(row['points']), Number(row['refused'])]),
    lateness: late.map((row) => [Number(row['since']), Number(row['n'])]),
  };
}

function numberOr(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
