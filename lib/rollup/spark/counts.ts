import type { SparkReport } from '../../engine/spark.ts';
import type { RollupRules } from '../rules.ts';
import { coarser } from '../sql/state.ts';
import type { PointCounts, WindowCounts } from '../types.ts';

/** What Spark counted of a unit. */
export interface SparkCounts {
  readonly points: PointCounts;
  readonly windows: readonly WindowCounts[];
  readonly newestHotMs: number | null;
  readonly newestPartMs: number | null;
}

/** From the answers to the queries of `unitForSpark`. */
export function countsOf({ answers }: Pick<SparkReport, 'answers'>, rules: RollupRules): SparkCounts {
  const [found] = answers['points'] ?? [];
  const [waited] = answers['waited'] ?? [];
  const [series] = answers['series'] ?? [];
  const refused = new Map((answers['refused'] ?? []).map((row) => [row['reason'], whole(row['n'])]));
  const tooLate = refused.get('too late') ?? 0;
  const tooFar = refused.get('too far') ?? 0;
  const hotBefore = whole(waited?.['n']);
  const [points, closed, hotAfter] = [
    whole(found?.['points']),
    whole(found?.['closed']),
    whole(found?.['hot']),
  ];
  const rows = answers['windows'] ?? [];
  const ofResolution = (resolutionMs: number) =>
    rows.find((row) => Number(row['resolution']) === resolutionMs);
  const open = coarser(rules).flatMap((resolution) => {
    const newest = ofResolution(resolution)?.['newest'];
    return newest === null || newest === undefined ? [] : [Number(newest)];
  });
  return {
    points: {
      arrived: points - hotBefore + tooLate + tooFar,
      tooLate,
      tooFar,
      duplicates: points - closed - hotAfter,
      hotBefore,
      hotAfter,
      closed,
      resets: whole(series?.['resets']),
      series: whole(series?.['n']),
      largestSeries: whole(series?.['largest']),
    },
    windows: rules.resolutionsMs.map((resolutionMs) => {
      const row = ofResolution(resolutionMs);
      return {
        resolutionMs,
        closed: whole(row?.['closed']),
        open: whole(row?.['n']) - whole(row?.['closed']),
      };
    }),
    newestHotMs: found?.['newest'] === null || found === undefined ? null : Number(found['newest']),
    newestPartMs: open.length === 0 ? null : Math.max(...open),
  };
}

/** A sum of no rows is NULL. */
function whole(value: unknown): number {
  return value === null || value === undefined ? 0 : Number(value);
}
