import { duckDb } from '../engine/duckdb-dialect.ts';
import { plannedUnits } from '../run/units/planned-units.ts';
import type { Plan, UnitStatements } from '../run/workload.ts';
import type { ChangedMonth } from './apply/changed-months.ts';
import { changesFeltBy } from './apply/group.ts';
import { groupFiles } from './apply/rewrite-group.ts';
import { applyForSpark } from './apply/spark-unit.ts';
import { type OpenFiles, scan } from './files/reading.ts';
import { unitTable } from './files/tables-io.ts';
import { resolveStatements } from './resolve/statements.ts';
import { hitSelect, loadChanges } from './sql/apply.ts';
import { listsFromChanges, patched } from './sql/patch.ts';
import { type SummaryShape, summaryShape } from './tables/columns.ts';
import type { ApplySpec, ResolveSpec, SummaryContext } from './types.ts';

/** The statements of some units of each stage. */
export async function* unitStatements(
  context: SummaryContext,
  plan: Plan,
  unitsOfEach: number,
): AsyncGenerator<UnitStatements> {
  yield* resolveStatements(context, plan, unitsOfEach);
  yield* applyStatements(context, plan, unitsOfEach);
}

/**
 * The statements of the units of `apply`, of as many units of each engine as asked for. Made from the plan alone: every
 * month of the batch counts as changed, and files go by their locations.
 */
async function* applyStatements(
  context: SummaryContext,
  plan: Plan,
  unitsOfEach: number,
): AsyncGenerator<UnitStatements> {
  const shape = summaryShape(context.config);
  const table = await unitTable(context, plan, 'summary');
  const months = await changedByBucket(context, plan);
  const told = { duckdb: 0, spark: 0 };
  for await (const { item, spec } of plannedUnits<ApplySpec>(context, plan, 'apply')) {
    const engine = spec.engine ?? 'duckdb';
    told[engine] += 1;
    if (told[engine] > unitsOfEach) continue;
    const files = spec.groups.flatMap((group) => group.files);
    const set: OpenFiles = {
      name: 'pw_files',
      schema: table.schema,
      files: files.map((file, no) => ({ spec: file, no, path: file.location })),
    };
    const changed = [...new Set(spec.resolve.flatMap(({ bucket }) => months.get(bucket) ?? []))]
      .sort((a, b) => a - b)
      .map((month): ChangedMonth => ({ month, sets: true, owns: true }));
    const parts = { shape, set, changed, spec, runId: context.runId };
    yield { unit: `apply/${item.unit}`, engine, statements: statementsOf[engine](parts) };
  }
}

interface Parts {
  readonly shape: SummaryShape;
  readonly set: OpenFiles;
  readonly changed: readonly ChangedMonth[];
  readonly spec: ApplySpec;
  readonly runId: string;
}

const statementsOf = { duckdb: duckDbStatements, spark: sparkStatements } as const;

function duckDbStatements({ shape, set, changed, spec, runId }: Parts): readonly string[] {
  const all = spec.groups.map(({ month }) => month);
  return [
    loadChanges(duckDb, 'change_set', Math.min(...all), Math.max(...all), shape.historyLength),
    listsFromChanges(duckDb, shape),
    ...spec.groups.flatMap((group) => {
      const { sets, owns } = changesFeltBy(shape, changed, group.month);
      if (sets.length === 0 && !owns) return [];
      const files = groupFiles({ set, group });
      const copies = group.mode === 'copy-on-write';
      const rows = scan(set, { files, ...(copies ? {} : { wanted: 'pw_hit' }) });
      const keys = scan(set, { files, columns: [shape.key.name] });
      return [
        duckDb.keep('pw_hit', hitSelect(duckDb, shape, keys, group.month)),
        patched({
          dialect: duckDb,
          shape,
          month: group.month,
          months: sets,
          from: rows,
          carry: copies,
          runId,
        }),
      ];
    }),
  ];
}

function sparkStatements({ shape, set, changed, spec, runId }: Parts): readonly string[] {
  const unit = applyForSpark({
    shape,
    schema: set.schema,
    runId,
    groups: spec.groups,
    changeSets: [],
    changed,
    rows: '',
    hits: '',
  });
  return [...unit.statements, ...unit.outputs.map(({ select }) => select)];
}

async function changedByBucket(
  context: SummaryContext,
  plan: Plan,
): Promise<ReadonlyMap<number, readonly number[]>> {
  const months = new Map<number, readonly number[]>();
  for await (const { spec } of plannedUnits<ResolveSpec>(context, plan, 'resolve'))
    months.set(
      spec.bucket,
      spec.months.map(([month]) => month),
    );
  return months;
}
