import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { localCatalogName } from '../lib/run/local.ts';
import { jarsFolder, pythonPath, setUp } from '../test/engines/setup.ts';
import { baseTable, cache, copyRoot, threads } from './base.ts';
import { type EngineMeasurements, type EngineUnit, measurementsPath } from './engine-measurements.ts';
import { reportEngines } from './engine-report.ts';
import { fitModel } from './fit-engines.ts';
import { measureChild, measureProcess } from './measure.ts';
import {
  backfill,
  historyLength,
  historyNames,
  monthsAfterBackfill,
  pipelineYaml,
  type Shape,
} from './summary-data.ts';

/**
 * The same units of `apply` by DuckDB on one thread and by Spark on two, over sizes, widths, changes and rewrites; and what they
 * replace, a MERGE a month by Spark itself on the same tables. CPU seconds count; wall times need an idle machine.
 */

const root = `${cache}/engines`;

const shapes: readonly Shape[] = [
  { accounts: 15_000, months: 14, historyColumns: 4, buckets: 1 },
  { accounts: 60_000, months: 14, historyColumns: 4, buckets: 1 },
  { accounts: 12_000, months: 14, historyColumns: 20, buckets: 1 },
];
const changes = [
  { fraction: 0.01, rewrite: 'merge-on-read' },
  { fraction: 0.2, rewrite: 'merge-on-read' },
  { fraction: 0.01, rewrite: 'copy-on-write' },
] as const;

interface Scenario {
  readonly name: string;
  readonly shape: Shape;
  readonly fraction: number;
  readonly rewrite: (typeof changes)[number]['rewrite'];
  /** Whether Spark's own MERGEs are measured, too. */
  readonly merges: boolean;
}

const scenarios: readonly Scenario[] = shapes.flatMap((shape, at) =>
  changes.map(({ fraction, rewrite }) => ({
    name: `${shape.accounts.toLocaleString('en')} accounts, ${shape.historyColumns} arrays, ${100 * fraction} %, ${rewrite}`,
    shape,
    fraction,
    rewrite,
    merges: at === 1 && fraction === 0.01,
  })),
);

interface ChildReport {
  readonly units: readonly EngineUnit[];
  readonly start?: EngineMeasurements['sparkStarts'][number];
}

/**
 * Prints the measurements beside the model's predictions. Those of all scenarios are kept in `engine-measurements.json`.
 * @throws when Python, Java or Maven is missing
 */
export async function enginesBench(filters: readonly string[]): Promise<void> {
  setUp();
  const chosen = scenarios.filter(
    ({ name }) => filters.length === 0 || filters.some((filter) => name.includes(filter)),
  );
  const load = loadavg()[0] ?? 0;
  const units: EngineUnit[] = [];
  const sparkStarts: EngineMeasurements['sparkStarts'][number][] = [];
  const merges: EngineMeasurements['merges'][number][] = [];
  const measured = (): EngineMeasurements => ({
    formatVersion: 1,
    load,
    cores: threads,
    units,
    sparkStarts,
    merges,
  });
  for (const scenario of chosen) {
    const base = await baseTable(scenario.shape, root);
    const batch = `${root}-kept/batch.parquet`;
    await backfill(scenario.shape, scenario.fraction, batch);
    const run = async (engine: EngineUnit['engine']) => {
      await copyRoot(base, root);
      return await measureUnits(scenario, engine, batch);
    };
    const duck = await run('duckdb');
    const spark = await run('spark');
    units.push(...duck.units, ...spark.units);
    if (spark.start !== undefined) sparkStarts.push(spark.start);
    if (scenario.merges) {
      await copyRoot(base, root);
      const old = await measureMerges(scenario, batch);
      merges.push({
        scenario: scenario.name,
        wallSeconds: old.workSeconds,
        cpuSeconds: old.workCpuSeconds,
        unitsWallSeconds: sumOf(spark.units, 'wallSeconds'),
        unitsCpuSeconds: sumOf(spark.units, 'cpuSeconds'),
      });
    }
    console.log(
      `${scenario.name}: ${(['duckdb', 'spark'] as const)
        .map((engine, at) => {
          const some = at === 0 ? duck.units : spark.units;
          return `${engine} ${sumOf(some, 'cpuSeconds').toFixed(1)} CPU s in ${some.length} units`;
        })
        .join(', ')}`,
    );
    await writeFile(keptPath, jsonOf(measured()));
  }
  await writeFile(chosen.length === scenarios.length ? measurementsPath : keptPath, jsonOf(measured()));
  reportEngines(measured(), fitModel(measured()));
}

const keptPath = `${root}-kept/measurements.json`;
const jsonOf = (measured: EngineMeasurements) => `${JSON.stringify(measured, null, 1)}\n`;

function sumOf(units: readonly EngineUnit[], name: 'cpuSeconds' | 'wallSeconds'): number {
  return units.reduce((sum, unit) => sum + unit[name], 0);
}

function measureUnits(
  { shape, rewrite }: Scenario,
  engine: EngineUnit['engine'],
  batch: string,
): Promise<ChildReport> {
  const work = `, engine: ${engine}, strategy: partitionwise, threads: 1`;
  return measureChild<ChildReport>('child-engine.ts', {
    root,
    yaml: pipelineYaml(shape, rewrite, 'none', work),
    batch,
    entries: shape.historyColumns * (historyLength + 1) + 4,
    ...(engine === 'spark'
      ? { spark: { pythonPath, jars: jarsFolder, threads, memoryBytes: 4 * 2 ** 30 } }
      : {}),
  });
}

/** A MERGE a month: the later months' arrays and nothing else, and readers see each month for itself. */
function measureMerges({ shape, rewrite }: Scenario, batch: string) {
  const job = {
    kind: 'merge-by-month',
    rewrite,
    catalogName: localCatalogName,
    catalogPath: `${root}/catalog.db`,
    warehouse: `file://${root}/warehouse`,
    jars: jarsFolder,
    driverMemory: '4g',
    table: `${localCatalogName}.partwise.bench_summary`,
    batch,
    columns: historyNames(shape),
    historyLength,
    laterMonths: monthsAfterBackfill(shape),
  };
  return measureProcess<{ readonly workSeconds: number; readonly workCpuSeconds: number }>({
    command: pythonPath,
    args: [`${import.meta.dirname}/spark.py`, JSON.stringify(job)],
    env: {
      PYTHONPATH: `${import.meta.dirname}/../test/engines`,
      PYTHONDONTWRITEBYTECODE: '1',
      SPARK_LOCAL_IP: '127.0.0.1',
    },
    stderr: 'pipe',
  });
}
