import type { RollupConfig } from '../../config/schema.ts';
import type { SparkOutput, SparkUnit } from '../../engine/spark.ts';
import { spark } from '../../engine/spark-dialect.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { labelNames, type RollupShape, rollupShape } from '../columns.ts';
import { windows } from '../levels.ts';
import { type RollupRules, rulesOf } from '../rules.ts';
import { publishedRows } from '../sql/rows.ts';
import { refusedPoints } from '../sql/series.ts';
import { isClosed, isOpen, stateRows } from '../sql/state.ts';
import type { PointSource, RollupSpec } from '../types.ts';
import type { OutputTable } from '../work/write-windows.ts';
import { sparkInputs } from './inputs.ts';
import { sparkStatements } from './statements.ts';

interface UnitOptions {
  readonly config: RollupConfig;
  readonly spec: RollupSpec;
  readonly sources: readonly PointSource[];
  readonly table: Pick<OutputTable, 'schema'>;
  /** The Iceberg table of the unit's own that takes the rows of closed windows. */
  readonly rows: Location;
  /** Folder for the state and the dead letters, a folder each. */
  readonly plain: Location;
}

export type PlainOutput = 'hot' | 'tails' | 'part' | 'dead-letters';

export function plainFolder(plain: Location, output: PlainOutput): Location {
  return joinLocation(plain, output);
}

/** A unit of a batch as Spark runs it. What is written depends on the plan, and never on what is found. */
export function unitForSpark(options: UnitOptions): SparkUnit {
  const { config, spec, sources, plain } = options;
  const rules = rulesOf(config);
  const shape = rollupShape(config);
  const labels = labelNames(shape);
  const { inputs, statements } = sparkInputs(config, spec, sources);
  const state = stateRows({ dialect: spark, spec, rules, shape, labels });
  const isAnyRefused = spec.refused > 0;
  const outputs: readonly SparkOutput[] = [
    ...state.map(({ kind, select, by }) => fileOutput(plainFolder(plain, kind), select, by)),
    ...(isAnyRefused
      ? [
          fileOutput(
            plainFolder(plain, 'dead-letters'),
            'SELECT * FROM refused',
            'id, ts, q',
            `batch, reason, id, ts, v, ${labels.join(', ')}`,
          ),
        ]
      : []),
    ...rowsOutput(options, rules, shape, labels),
  ];
  return {
    formatVersion: 1,
    inputs,
    statements: [
      ...statements,
      ...sparkStatements({ spec, rules, shape, labels }),
      ...(isAnyRefused ? [spark.keep('refused', refusedPoints(spec, rules))] : []),
    ],
    outputs,
    queries: countQueries(spec, rules),
  };
}

/** One file, sorted. */
function fileOutput(path: Location, rows: string, by: string, columns = '*'): SparkOutput {
  const together = `SELECT /*+ REPARTITION(1) */ * FROM (${rows})`;
  return { kind: 'files', path, select: `SELECT ${columns} FROM (${together} SORT BY ${by})` };
}

/** Rows of closed windows of all resolutions. */
function rowsOutput(
  { spec, table, rows }: UnitOptions,
  { resolutionsMs }: RollupRules,
  shape: RollupShape,
  labels: readonly string[],
): readonly SparkOutput[] {
  if (spec.closedAfterMs === null) return [];
  const where = isClosed(spec, 'w');
  const { schema } = table;
  const selects = resolutionsMs.map((resolutionMs) =>
    publishedRows({ dialect: spark, schema, shape, resolutionMs, labels, where }),
  );
  return [{ kind: 'table', select: selects.join(' UNION ALL '), path: rows }];
}

function countQueries(spec: RollupSpec, rules: RollupRules): Readonly<Record<string, string>> {
  const closed = isClosed(spec, 'ts');
  const windowCounts = rules.resolutionsMs.map(
    (resolution) =>
      `SELECT ${resolution} AS resolution, count(*) AS n, count(*) FILTER (WHERE ${isClosed(spec, 'w')}) AS closed, max(w) FILTER (WHERE ${isOpen(spec, 'w')}) AS newest FROM ${windows(resolution)}`,
  );
  return {
    points: `SELECT coalesce(sum(m), 0) AS points, count(*) FILTER (WHERE ${closed}) AS closed, count(*) FILTER (WHERE NOT (${closed})) AS hot, max(ts) FILTER (WHERE NOT (${closed})) AS newest FROM ordered`,
    waited: 'SELECT count(*) AS n FROM hot',
    series:
      'SELECT count(*) AS n, max(n) AS largest, sum(rs) AS resets FROM (SELECT id, sum(n) AS n, sum(rs) AS rs FROM base GROUP BY id)',
    windows: windowCounts.join(' UNION ALL '),
    ...(spec.refused === 0 ? {} : { refused: 'SELECT reason, count(*) AS n FROM refused GROUP BY reason' }),
  };
}
