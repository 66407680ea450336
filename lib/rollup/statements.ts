import { duckDb } from '../engine/duckdb-dialect.ts';
import type { EngineSession } from '../engine/engine.ts';
import { plannedUnits } from '../run/units/planned-units.ts';
import type { Plan, UnitStatements } from '../run/workload.ts';
import { labelNames, rollupShape } from './columns.ts';
import { mergeLevels } from './levels.ts';
import { rulesOf } from './rules.ts';
import { mergeSketches } from './sketch/levels.ts';
import { unitSources } from './spark/inputs.ts';
import { unitForSpark } from './spark/unit.ts';
import { publishedRows } from './sql/rows.ts';
import { isPoint, refusedPoints } from './sql/series.ts';
import { isClosed, stateRows } from './sql/state.ts';
import { type RollupContext, type RollupSpec, rollupStage } from './types.ts';
import { orderSeries } from './work/series.ts';
import { type OutputTable, outputTable } from './work/write-windows.ts';

/**
 * The statements of the units of a batch, of as many units of each engine as asked for. Made from the plan alone, as if
 * windows of every resolution had waited.
 */
export async function* rollupStatements(
  context: RollupContext,
  plan: Plan,
  unitsOfEach: number,
): AsyncGenerator<UnitStatements> {
  const table = await outputTable(context, plan);
  const told = { duckdb: 0, spark: 0 };
  for await (const { item, spec } of plannedUnits<RollupSpec>(context, plan, rollupStage)) {
    const engine = spec.engine ?? 'duckdb';
    told[engine] += 1;
    if (told[engine] > unitsOfEach) continue;
    const statements =
      engine === 'spark'
        ? await sparkUnitStatements(context, spec, table)
        : await duckDbStatements(context, spec, table);
    yield { unit: `${rollupStage}/${item.unit}`, engine, statements: statements.map(withoutBins) };
  }
}

async function sparkUnitStatements(
  context: RollupContext,
  spec: RollupSpec,
  table: OutputTable,
): Promise<readonly string[]> {
  const { config } = context;
  const sources = await unitSources(context, spec);
  const unit = unitForSpark({ config, spec, sources, table, rows: '', plain: '' });
  return [...unit.statements, ...unit.outputs.map(({ select }) => select)];
}

async function duckDbStatements(
  { config }: RollupContext,
  spec: RollupSpec,
  { schema }: OutputTable,
): Promise<readonly string[]> {
  const rules = rulesOf(config);
  const shape = rollupShape(config);
  const labels = labelNames(shape);
  const dialect = duckDb;
  const told: string[] = [];
  const session = listening(told);
  const closes = `${isPoint(spec)} AND ${isClosed(spec, 'ts')}`;
  await orderSeries(session, spec, rules, labels);
  await mergeLevels(session, rules, closes);
  await mergeSketches(session, rules, shape.sketch, closes);
  const state = stateRows({ dialect, spec, rules, shape, labels });
  const where = isClosed(spec, 'w');
  const rows = rules.resolutionsMs.map((resolutionMs) =>
    publishedRows({ dialect, schema, shape, resolutionMs, labels, where }),
  );
  return [
    ...told,
    ...state.map(({ select, by }) => `${select} ORDER BY ${by}`),
    ...(spec.refused === 0 ? [] : [refusedPoints(spec, rules)]),
    ...rows,
  ];
}

/** The buckets of sketches are thousands of constants, which nobody wants to read. */
function withoutBins(statement: string): string {
  return statement.replaceAll(/'\[([^'\]]{1000,})\]'/g, (_, list: string) => {
    const all = list.split(',');
    return `'[${all.slice(0, 2).join(', ')}, … ${all.length} in all]'`;
  });
}

/** A session that keeps the statements which change it, runs nothing and finds nothing. */
function listening(told: string[]): EngineSession {
  return {
    workFolder: '',
    execute: async (sql) => {
      told.push(sql);
    },
    query: async () => [],
    async *stream() {
      yield [];
    },
    writeParquet: async () => [],
    interrupt: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
