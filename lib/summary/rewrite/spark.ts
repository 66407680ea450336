import type { SparkReport } from '../../engine/spark.ts';
import { spark } from '../../engine/spark-dialect.ts';
import { IntegrityError } from '../../errors.ts';
import { sparkPlaces } from '../../run/spark/places.ts';
import { createSparkRows, type SparkRows } from '../../run/spark/rows.ts';
import type { Compiled, CompiledUnit, Plan, SparkUse, UnitItem, UnitResult } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import { tableChange } from '../files/file-changes.ts';
import type { UnitTable } from '../files/tables-io.ts';
import { type SparkFiles, sparkDead, sparkDeadRows, sparkInputs, sparkScan } from '../spark/files.ts';
import { takeSparkFiles } from '../spark/taken.ts';
import type { SummaryContext } from '../types.ts';
import { sortColumns } from './sorting.ts';
import { rewriteTable } from './target.ts';
import type { RewriteSpec } from './types.ts';
import { rewriteResult } from './unit.ts';
import { pieceBytes } from './units.ts';

/** A unit of `rewrite` in two halves, between which Spark reads the live rows and Iceberg's writer puts them into their cells. */

interface Kept {
  readonly rows: SparkRows;
}

export function rewriteSparkUse({ engine, pieces }: RewriteSpec): SparkUse {
  if (pieces.length === 0) return 'never';
  return engine === 'spark' ? 'planned' : 'possible';
}

export async function compileRewrite(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: RewriteSpec,
): Promise<Compiled> {
  const table = await rewriteTable(context, plan, spec.role);
  const places = sparkPlaces(context, item);
  const rows = await createSparkRows({
    context,
    table,
    sortOrder: sortOrder(context, spec, table),
    location: joinLocation(places.results, 'rows'),
    data: places.data(table.location),
  });
  const set = filesOf(table, spec);
  const columns = table.schema.fields.map(({ name }) => spark.identifier(name)).join(', ');
  const kept: Kept = { rows };
  return {
    kind: 'spark',
    unit: {
      formatVersion: 1,
      inputs: sparkInputs(set),
      statements: sparkDead(set),
      outputs: [
        { kind: 'table', select: `SELECT ${columns} FROM ${sparkScan(set)} AS s`, path: rows.location },
      ],
      queries: { dead: `SELECT ${sparkDeadRows(set)} AS n` },
    },
    bytes: spec.pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0),
    kept,
  };
}

/** @throws IntegrityError when Spark wrote other rows than it read, or rows of other cells; nothing of the unit is referenced */
export async function finishRewrite(
  context: SummaryContext,
  plan: Plan,
  spec: RewriteSpec,
  { kept }: CompiledUnit,
  report: SparkReport,
): Promise<UnitResult> {
  const table = await rewriteTable(context, plan, spec.role);
  const { files } = filesOf(table, spec);
  const { rows } = kept as Kept;
  const added = await takeSparkFiles({
    context,
    table,
    rows,
    isOwn: ({ month = 0, bucket }) =>
      spec.pieces.some((piece) => piece.month === month && piece.buckets.includes(bucket)),
    otherwise: { why: `a row of ${spec.role} lies outside of its cell`, next: 'partwise verify --full' },
  });
  const dead = Number(report.answers['dead']?.[0]?.['n'] ?? 0);
  const expected = files.reduce((sum, file) => sum + file.rows, 0) - dead;
  const found = added.reduce((sum, file) => sum + file.rows, 0);
  if (found !== expected)
    throw new IntegrityError(`${expected} rows of ${files.length} files became ${found}`, {
      details: { files: files.map(({ location }) => location) },
      safe: 'the tables are untouched',
    });
  return rewriteResult(spec, [
    {
      changes: [tableChange({ role: spec.role, added, removed: files })],
      rows: found,
      bytes: added.reduce((sum, file) => sum + file.sizeBytes, 0),
      written: added.length,
    },
  ]);
}

function filesOf({ schema }: UnitTable, { pieces }: RewriteSpec): SparkFiles {
  return { name: 'pw_rows', schema, files: pieces.flatMap(({ files }) => files) };
}

function sortOrder({ config }: SummaryContext, { role }: RewriteSpec, { schema }: UnitTable) {
  return sortColumns(config, role).map((name) => ({
    sourceId: schema.fields.find((field) => field.name === name)?.id ?? 0,
    transform: 'identity',
    direction: 'asc' as const,
    nullOrder: 'nulls-last' as const,
  }));
}
