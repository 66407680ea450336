import type { SummaryConfig } from '../../config/schema.ts';
import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { Schema } from '../../iceberg/types.ts';
import { chooseEngine } from '../../run/engines/choose-engine.ts';
import type { UnitStatements, World } from '../../run/workload.ts';
import { lookSchemas } from '../files/look.ts';
import { type OpenFiles, scan } from '../files/reading.ts';
import { bucketLabel } from '../plan/plan.ts';
import { registerColumnNames } from '../sql/classify.ts';
import { newestMonth, storedNames, summaryShape } from '../tables/columns.ts';
import { storedBuckets } from '../tables/pin-config.ts';
import type { BucketScope } from '../tasks/tasks.ts';
import type { FileSpec } from '../types.ts';
import { repairForSpark } from './for-spark.ts';
import { repairBytes, repairPartBytes } from './spark.ts';
import { deviatingTable, hashesTable, storedTable, wantedRows, wantedTable, withWanted } from './sql.ts';
import { chooseRepairBuckets, repairFiles, repairTables } from './tables.ts';

/**
 * The statements of a repair of latest on main, of one bucket of each engine. Made from manifests alone: files go by their
 * locations, and DuckDB counts as if the wanted rows lay in all of them.
 */
export async function repairStatements(
  world: World,
  config: SummaryConfig,
  scope: BucketScope,
): Promise<readonly UnitStatements[]> {
  const tables = await repairTables(world, config);
  const pinned = { ...config, tables: { ...config.tables, buckets: storedBuckets(tables.summary, config) } };
  const options = { world, config: pinned, branch: 'main', tables };
  const { buckets } = await chooseRepairBuckets({ ...options, scope });
  const files = await repairFiles(options, new Set(buckets));
  const schemas = lookSchemas(world, pinned, tables);
  const told = new Map<UnitStatements['engine'], UnitStatements>();
  for (const bucket of buckets) {
    const own = { summary: files.summary.get(bucket) ?? [], latest: files.latest.get(bucket) ?? [] };
    const { engine } = chooseEngine(config, repairBytes(own));
    if (told.has(engine) || own.summary.length + own.latest.length === 0) continue;
    const statements = statementsOf[engine]({ config, schemas, files: own });
    told.set(engine, { unit: `repair/${bucketLabel(bucket)}`, engine, statements });
  }
  return [...told.values()];
}

interface Parts {
  readonly config: SummaryConfig;
  readonly schemas: Readonly<Record<'summary' | 'latest', Schema>>;
  readonly files: Readonly<Record<'summary' | 'latest', readonly FileSpec[]>>;
}

const statementsOf = { duckdb: duckDbStatements, spark: sparkStatements } as const;

function duckDbStatements({ config, schemas, files }: Parts): readonly string[] {
  const shape = summaryShape(config);
  const open = (role: 'summary' | 'latest'): OpenFiles => ({
    name: `pw_${role}`,
    schema: schemas[role],
    files: files[role].map((spec, no) => ({ spec, no, path: spec.location })),
  });
  const [summary, latest] = [open('summary'), open('latest')];
  const columns = storedNames(shape);
  const rows = scan(summary, { columns, wanted: 'pw_wanted' });
  return [
    wantedTable(duckDb, shape, scan(summary, { columns: registerColumnNames(shape) })),
    storedTable(duckDb, shape, scan(latest, { columns: [...columns, newestMonth] })),
    hashesTable(duckDb, shape, [`${rows} AS s`]),
    deviatingTable(duckDb),
    wantedRows(duckDb, shape, [withWanted(rows)]),
  ];
}

function sparkStatements({ config, schemas, files }: Parts): readonly string[] {
  const unit = repairForSpark({
    shape: summaryShape(config),
    summary: { name: 'pw_summary', schema: schemas.summary, files: files.summary },
    latest: { name: 'pw_latest', schema: schemas.latest, files: files.latest },
    rows: '',
    partBytes: repairPartBytes(config),
  });
  return [...unit.statements, ...unit.outputs.map(({ select }) => select)];
}
