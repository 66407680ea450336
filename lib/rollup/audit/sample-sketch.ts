import type { SqlRow } from '../../engine/engine.ts';
import type { SketchShape } from '../sketch/sketch.ts';
import { estimateNames } from '../sql/sketches.ts';
import type { SeriesWindow } from './recompute.ts';
import type { SeriesSketch } from './recompute-estimates.ts';
import { sketchBuckets } from './sketch-buckets.ts';

/** The sketches of sampled rows: what is read of them, and how they are compared. */

export function seriesSketch(sketch: SketchShape | undefined): SeriesSketch | undefined {
  if (sketch === undefined) return undefined;
  return { quantiles: sketch.quantiles, buckets: sketchBuckets(sketch.gamma) };
}

/** Columns of a view of windows; only published ones have estimates. */
export function sketchColumnsOf(sketch: SketchShape | undefined, view: string): readonly string[] {
  if (sketch === undefined) return [];
  return ['sk', 'sc', ...(view === 'published' ? estimateNames(sketch) : [])];
}

export function sketchOfRow(
  row: SqlRow,
  sketch: Pick<SketchShape, 'quantiles'> | undefined,
): Pick<SeriesWindow, 'buckets' | 'estimates'> {
  if (sketch === undefined) return { buckets: new Map(), estimates: [] };
  const counts = list(row['sc']);
  return {
    buckets: new Map(
      list(row['sk']).map((bucket, at) => [Number(bucket), BigInt(String(counts[at] ?? 0))] as const),
    ),
    estimates: 'q0' in row ? estimateNames(sketch).map((name) => Number(row[name])) : [],
  };
}

/** As it follows the other values of a window. */
export function sketchText({ buckets, estimates }: Pick<SeriesWindow, 'buckets' | 'estimates'>): string {
  const said = estimates.length === 0 ? '' : `, estimates ${estimates.join(' ')}`;
  return buckets.size === 0
    ? said
    : `${said}, sketch ${[...buckets].map(([bucket, count]) => `${bucket}×${count}`).join(' ')}`;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
