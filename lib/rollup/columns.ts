import type { RollupConfig } from '../config/schema.ts';
import { type SketchShape, sketchShape } from './sketch/sketch.ts';

export interface RollupColumn {
  readonly name: string;
  readonly type: 'string' | 'int' | 'bigint';
  readonly sqlType: string;
  readonly icebergType: 'string' | 'int' | 'long';
}

/** A pipeline's columns besides the fixed ones. */
export interface RollupShape {
  readonly series: RollupColumn;
  readonly shard: RollupColumn;
  /** Fixed per series by its first point: the shard and the configured labels. */
  readonly labels: readonly RollupColumn[];
  /** undefined: no quantiles. */
  readonly sketch: SketchShape | undefined;
}

export function rollupShape(config: Pick<RollupConfig, 'points' | 'quantiles'>): RollupShape {
  const { points } = config;
  const shard = column(points.shard);
  return {
    series: column(points.series),
    shard,
    labels: [shard, ...points.labels.map(column)],
    sketch: sketchShape(config),
  };
}

/** Names of the label columns inside of a session and in the state. */
export function labelNames({ labels }: Pick<RollupShape, 'labels'>): readonly string[] {
  return labels.map((_, at) => `l${at}`);
}

function column({ name, type }: Pick<RollupColumn, 'name' | 'type'>): RollupColumn {
  switch (type) {
    case 'string':
      return { name, type, sqlType: 'VARCHAR', icebergType: 'string' };
    case 'int':
      return { name, type, sqlType: 'INTEGER', icebergType: 'int' };
    case 'bigint':
      return { name, type, sqlType: 'BIGINT', icebergType: 'long' };
  }
}
