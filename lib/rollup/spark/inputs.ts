import type { RollupConfig } from '../../config/schema.ts';
import type { SparkInput } from '../../engine/spark.ts';
import { spark } from '../../engine/spark-dialect.ts';
import { CorruptStateError } from '../../errors.ts';
import { labelNames, rollupShape } from '../columns.ts';
import { inParts, pointsIn } from '../plan/part-range.ts';
import { mergeable } from '../sql/windows.ts';
import type { StateFile } from '../state/state.ts';
import type { PointSource, RollupContext, RollupSpec } from '../types.ts';
import { emptyColumns, readSources, rowsPerFile } from '../work/inputs.ts';

/** What Spark reads of a unit, and the statements that make of it the views that DuckDB's `openPoints` and `openState` make. */
export interface SparkInputs {
  readonly inputs: readonly SparkInput[];
  readonly statements: readonly string[];
}

/** The sources of a unit that have points of its parts. @throws CorruptStateError when the list is not the one that was planned */
export async function unitSources(
  { world }: Pick<RollupContext, 'world'>,
  spec: RollupSpec,
): Promise<readonly PointSource[]> {
  const found: PointSource[] = [];
  for await (const source of readSources(world.results, spec)) {
    if (pointsIn(source, spec).points === 0) continue;
    if (source.columns !== undefined)
      throw new CorruptStateError(`${source.location} was prepared for DuckDB alone`, {
        safe: 'the table is untouched and the intake is kept',
      });
    found.push(source);
  }
  return found;
}

/** Paths are locations, in the order of ingest. */
export function sparkInputs(
  config: RollupConfig,
  spec: RollupSpec,
  sources: readonly PointSource[],
): SparkInputs {
  const shape = rollupShape(config);
  const labels = labelNames(shape);
  const empty = emptyColumns(spark, config);
  // Rows of a file by their number in it, files by their place.
  const order = (number: string) => `CAST(file_index AS BIGINT) * ${rowsPerFile} + ${number} AS q`;
  const state = ['id', 'ts', 'v', ...labels];
  const sketch = shape.sketch === undefined ? [] : ['sk', 'sc'];
  const part = ['resolution', mergeable, ...sketch, ...labels];
  const views: readonly View[] = [
    {
      name: 'arriving',
      paths: sources.map(({ location }) => location),
      places: true,
      columns: ['id', 'ts', 'v', order('pw_row'), ...labels],
      where: inParts(spec, 'part'),
      empty: empty.points,
    },
    {
      name: 'arriving_labels',
      paths: sources.map((source) => source.labels),
      places: true,
      columns: ['id', ...labels, order('q')],
      where: inParts(spec, 'part'),
      empty: empty.labels,
    },
    { name: 'hot', ...stateFiles(spec, spec.hot), columns: state, empty: empty.state },
    { name: 'tails', ...stateFiles(spec, spec.tails), columns: state, empty: empty.state },
    { name: 'part', ...stateFiles(spec, spec.part), columns: part, empty: empty.part },
  ];
  return { inputs: views.flatMap(inputOf), statements: views.map(statementOf) };
}

interface View {
  readonly name: string;
  readonly paths: readonly string[];
  readonly places?: boolean;
  readonly columns: readonly string[];
  readonly where: string;
  /** Columns when there is nothing to read. */
  readonly empty: string;
}

function stateFiles(spec: RollupSpec, files: readonly StateFile[]): Pick<View, 'paths' | 'where'> {
  const isInside = files.every((file) => file.firstPart >= spec.firstPart && file.lastPart <= spec.lastPart);
  return {
    paths: files.map(({ location }) => location),
    where: isInside ? 'true' : inParts(spec, undefined, spark),
  };
}

function inputOf({ name, paths, places }: View): readonly SparkInput[] {
  if (paths.length === 0) return [];
  return [{ view: `pw_${name}`, paths, ...(places === true ? { places } : {}) }];
}

function statementOf({ name, paths, columns, where, empty }: View): string {
  const rows =
    paths.length === 0
      ? `SELECT ${empty} WHERE false`
      : `SELECT ${columns.join(', ')} FROM pw_${name} WHERE ${where}`;
  return `CREATE TEMP VIEW ${name} AS ${rows}`;
}
