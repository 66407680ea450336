import type { RollupConfig } from '../../config/schema.ts';
import type { UnitLoad } from '../../run/engines/unit-load.ts';
import { rollupShape } from '../columns.ts';
import { rulesOf } from '../rules.ts';
import type { RollupSpec } from '../types.ts';

/** Of a point besides its labels: series, time, value, order of ingest, the value before. */
const pointEntries = 5;
/** Bytes of an entry that is sorted by way of the disk. */
const spilledEntryBytes = 8;

/** @param bytes of the files that the unit opens */
export function rollupLoad(
  config: RollupConfig,
  spec: Pick<RollupSpec, 'points' | 'hot' | 'tails' | 'part'>,
  bytes: number,
): UnitLoad {
  const { labels, sketch } = rollupShape(config);
  const rowsOf = (files: RollupSpec['hot']) => files.reduce((sum, { rows }) => sum + rows, 0);
  return pointsLoad({
    points: spec.points + rowsOf(spec.hot),
    otherRows: rowsOf(spec.tails) + rowsOf(spec.part),
    labels: labels.length,
    resolutions: rulesOf(config).resolutionsMs.length,
    hasSketches: sketch !== undefined,
    bytes,
  });
}

interface Points {
  /** Arriving and waiting. */
  readonly points: number;
  /** Of the state, besides points. */
  readonly otherRows: number;
  /** Label columns, the shard among them. */
  readonly labels: number;
  readonly resolutions: number;
  readonly hasSketches: boolean;
  readonly bytes: number;
}

/**
 * What a unit of a batch is to the engines' model. A piece is a resolution: each is summed up from a finer one. The unit is not
 * cut once it has begun, but sorting, which is what takes memory, spills.
 */
export function pointsLoad(of: Points): UnitLoad {
  const { otherRows, resolutions, bytes } = of;
  const entries = pointEntries + of.labels;
  // A sketch takes about as much as all else.
  const points = of.hasSketches ? 2 * of.points : of.points;
  const volume = {
    units: 1,
    pieces: resolutions,
    readEntries: (points + otherRows) * entries,
    writtenEntries: points * resolutions,
  };
  return {
    stage: 'rollup',
    bytes,
    volume,
    piece: { name: 'a unit', volume, held: { flowingEntries: 0, heldEntries: points * entries } },
    spills: true,
    diskBytes: 2 * bytes + points * entries * spilledEntryBytes,
  };
}
