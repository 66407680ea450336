import type { OraclePoint } from '../oracle/rollup-oracle.ts';
import { type FileFormat, writeTable } from './files.ts';
import type { PointScenario } from './points.ts';
import { rng } from './random.ts';

export interface PointFileOptions {
  readonly points: readonly OraclePoint[];
  readonly idType: PointScenario['idType'];
  /** `bigint`: milliseconds. */
  readonly timeType: 'bigint' | 'timestamp';
  readonly format: FileFormat;
  /** Decides what a reader must not care about: order of columns, spare columns, row groups, codec. */
  readonly seed: number;
}

/** Writes one file of points, in their order. */
export async function writePointFile(path: string, options: PointFileOptions): Promise<void> {
  const { points, idType, timeType, format, seed } = options;
  const source = rng(seed);
  const columns = source.shuffle([
    { name: 'id', type: idType },
    { name: 'org_id', type: 'string' },
    { name: 'metric', type: 'string' },
    { name: 'metric_shard_id', type: 'int' },
    { name: 'long_value', type: 'bigint' },
    { name: 'logical_timestamp', type: timeType },
    { name: 'not_listed', type: 'string' },
  ] as const);
  const field = (point: OraclePoint, name: (typeof columns)[number]['name']) => {
    switch (name) {
      case 'id':
        return point.id;
      case 'org_id':
        return point.orgId;
      case 'metric':
        return point.metric;
      case 'metric_shard_id':
        return String(point.shardId);
      case 'long_value':
        return String(point.value);
      case 'logical_timestamp':
        return timeType === 'bigint' ? String(point.timeMs) : timeText(point.timeMs);
      case 'not_listed':
        return 'spare';
    }
  };
  await writeTable(path, {
    columns,
    rows: points.map((point) => columns.map(({ name }) => field(point, name))),
    form: 'YYYY-MM',
    format,
    source,
    omitNulls: false,
  });
}

/** @example timeText(-1) // '1969-12-31 23:59:59.999' */
function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('T', ' ').replace('Z', '');
}
