import { spark } from '../../engine/spark-dialect.ts';
import type { RollupShape } from '../columns.ts';
import { windows } from '../levels.ts';
import type { RollupRules } from '../rules.ts';
import { sketchBins } from '../sketch/bins.ts';
import { sketches } from '../sketch/levels.ts';
import { boundBaseRows, distinctPoints } from '../sql/partitioned.ts';
import { firstLabels, knownLabels, olderLabels, waitingLabels } from '../sql/series.ts';
import { binRows, mergedSketches, packedSketches, pointSketches, unpackedSketches } from '../sql/sketches.ts';
import { isClosed } from '../sql/state.ts';
import { finerOf, mergeable, mergedRows } from '../sql/windows.ts';
import type { RollupSpec } from '../types.ts';

interface StatementOptions {
  readonly spec: Pick<RollupSpec, 'closedBeforeMs' | 'closedAfterMs' | 'watermarkMs'>;
  readonly rules: RollupRules;
  readonly shape: RollupShape;
  readonly labels: readonly string[];
}

/**
 * What `work` does between the views of a unit's inputs and its outputs, as statements for Spark: `ordered` (id, w, ts, v, m),
 * `base`, `windows_<resolution>`, `sketches_<resolution>`, `labels` and `older`. None depends on what is in the tables.
 */
export function sparkStatements(options: StatementOptions): readonly string[] {
  const { spec, rules } = options;
  const closes = isClosed(spec, 'ts');
  return [
    spark.keep('ordered', distinctPoints(spark, spec, rules)),
    spark.keep('base', boundBaseRows(spark, spec, rules, closes)),
    ...levelStatements(rules),
    ...sketchStatements(options, closes),
    ...labelStatements(options),
  ];
}

const fresh = (resolutionMs: number) => `fresh_${resolutionMs}`;

/** As `mergeLevels` does, but every resolution is merged with what waited, if anything did or not. */
function levelStatements(rules: RollupRules): readonly string[] {
  return rules.resolutionsMs.flatMap((resolution) => {
    if (resolution === rules.baseMs) return [`CREATE TEMP VIEW ${windows(resolution)} AS SELECT * FROM base`];
    const finer = finerOf(resolution, rules);
    const from = finer === rules.baseMs ? 'base' : fresh(finer);
    const waited = `SELECT ${mergeable} FROM part WHERE resolution = ${resolution}`;
    return [
      spark.keep(fresh(resolution), mergedRows(spark, `SELECT ${mergeable} FROM ${from}`, resolution)),
      spark.keep(
        windows(resolution),
        mergedRows(spark, `SELECT ${mergeable} FROM ${fresh(resolution)} UNION ALL ${waited}`, undefined),
      ),
    ];
  });
}

const freshSketches = (resolutionMs: number) => `sketch_fresh_${resolutionMs}`;

/** As `mergeSketches` does. */
function sketchStatements({ rules, shape }: StatementOptions, closes: string): readonly string[] {
  const { sketch } = shape;
  if (sketch === undefined) return [];
  return [
    spark.keep('sketch_bins', binRows(spark, sketchBins(sketch))),
    spark.keep('sketch_base', pointSketches(rules, sketch, { from: 'ordered', where: closes })),
    ...rules.resolutionsMs.flatMap((resolution) => {
      const packed = (rows: string) =>
        spark.keep(sketches(resolution), packedSketches(spark, rows, windows(resolution), sketch));
      if (resolution === rules.baseMs) return [packed('sketch_base')];
      const finer = finerOf(resolution, rules);
      const from = finer === rules.baseMs ? 'sketch_base' : freshSketches(finer);
      const own = freshSketches(resolution);
      const merged = `SELECT * FROM ${own} UNION ALL ${unpackedSketches(spark, 'part', `resolution = ${resolution}`)}`;
      return [
        spark.keep(own, mergedSketches(`SELECT * FROM ${from}`, resolution)),
        packed(`(${mergedSketches(merged, undefined)})`),
      ];
    }),
  ];
}

/** As `orderSeries` does. */
function labelStatements({ spec, rules, labels }: StatementOptions): readonly string[] {
  const waiting = waitingLabels(labels, ['known', 'begun']);
  return [
    spark.keep('known', knownLabels(labels.join(', '), spec, rules)),
    spark.keep('begun', firstLabels(spark, labels, 'known')),
    spark.keep('labels', `SELECT * FROM known UNION ALL SELECT * FROM begun UNION ALL ${waiting}`),
    spark.keep('older', olderLabels(labels)),
  ];
}
