import { writeFile } from 'node:fs/promises';
import { javaOptions } from '../lib/engine/spark-process.ts';
import { localCatalogName } from '../lib/run/local/local.ts';
import { jarsFolder, pythonPath, setUp } from '../test/engines/setup.ts';
import { baseTable, cache, copyRoot, threads } from './base.ts';
import type { EngineRun } from './child-engine.ts';
import { forgetParts, keepPart, keptPart, type PartKind, togetherOf } from './engine-kept.ts';
import { type EngineUnit, measurementsPath } from './engine-measurements.ts';
import { reportEngines } from './engine-report.ts';
import {
  type EngineScenario,
  engineScenarios,
  type SummaryScenario,
  writeSummaryBatch,
  yamlOf,
} from './engine-scenarios.ts';
import { measureChild, measureProcess } from './measure.ts';
import { benchPoints, benchShape } from './rollup-data.ts';
import { historyLength, historyNames, monthsAfterBackfill } from './summary-data.ts';

/**
 * The same units of `resolve`, `apply` and `rollup` by DuckDB on one thread and by Spark on two, over sizes, widths, changes and
 * rewrites; and what they replace, a MERGE a month by Spark itself on the same tables. CPU seconds count; wall times need an idle
 * machine. One process of Spark serves most scenarios.
 */

const root = `${cache}/engines`;
const kept = `${root}-kept`;

/**
 * Prints the measurements beside the model's predictions. What is measured of a scenario is kept until all of them are: a pass that was
 * stopped goes on with the rest, one with the word `again` begins anew.
 * @param words that a scenario's name must hold, any of them; `duckdb` or `spark`: this engine only
 * @throws when Python, Java or Maven is missing
 */
export async function enginesBench(words: readonly string[]): Promise<void> {
  setUp();
  if (words.includes('again')) await forgetParts();
  const engines = (['duckdb', 'spark'] as const).filter(
    (engine, _, both) => words.includes(engine) || !both.some((one) => words.includes(one)),
  );
  const filters = words.filter((word) => !['again', 'duckdb', 'spark'].includes(word));
  const chosen = engineScenarios.filter(
    ({ name }) => filters.length === 0 || filters.some((filter) => name.includes(filter)),
  );
  if (engines.includes('duckdb'))
    for (const scenario of await missing(chosen, 'duckdb')) await measure([await runOf(scenario, 'duckdb')]);
  if (engines.includes('spark')) {
    const spark = { pythonPath, jars: jarsFolder, threads, memoryBytes: 4 * 2 ** 30 };
    // What is held against Spark's own MERGEs begins as they do: with nothing compiled.
    const [alone, together] = partition(await missing(chosen, 'spark'), hasMerges);
    for (const scenario of alone)
      await measure([{ ...(await runOf(scenario, 'spark')), hasLimits: true }], spark);
    const runs: EngineRun[] = [];
    for (const scenario of together) runs.push(await runOf(scenario, 'spark'));
    if (runs.length > 0) await measure(runs, spark);
    for (const scenario of (await missing(chosen, 'merges')).filter(hasMerges)) await measureMerges(scenario);
  }
  const kinds: readonly PartKind[] = ['duckdb', 'spark', 'merges'];
  const parts = await Promise.all(chosen.flatMap(({ name }) => kinds.map((kind) => keptPart(name, kind))));
  const measured = togetherOf(parts.filter((part) => part !== undefined));
  const isWhole = chosen.length === engineScenarios.length && engines.length === 2;
  const path = isWhole ? measurementsPath : `${kept}/measurements.json`;
  await writeFile(path, `${JSON.stringify(measured, null, 1)}\n`);
  reportEngines(measured);
  if (isWhole) await forgetParts();
  console.log(
    `\nmeasurements: ${path}\nthe model of them: npm exec -- node bench/fit-engines.ts${isWhole ? '' : ` ${path}`}`,
  );
}

function hasMerges(scenario: EngineScenario): scenario is SummaryScenario {
  return scenario.kind === 'summary' && scenario.merges;
}

function partition<T>(values: readonly T[], is: (value: T) => boolean): readonly [T[], T[]] {
  return [values.filter(is), values.filter((value) => !is(value))];
}

async function missing(
  scenarios: readonly EngineScenario[],
  kind: PartKind,
): Promise<readonly EngineScenario[]> {
  const parts = await Promise.all(scenarios.map(({ name }) => keptPart(name, kind)));
  return scenarios.filter((_, at) => parts[at] === undefined);
}

function measure(runs: readonly EngineRun[], spark?: object): Promise<unknown> {
  return measureChild('child-engine.ts', { runs, ...(spark === undefined ? {} : { spark }) });
}

/** DuckDB's units are those of a pipeline that lets Spark in. */
async function runOf(scenario: EngineScenario, engine: EngineUnit['engine']): Promise<EngineRun> {
  const work = `${engine === 'spark' ? 'engine: spark' : 'sparkAbove: 1 TB'}, threads: 1`;
  const common = { scenario: scenario.name, root, yaml: yamlOf(scenario, work) };
  if (scenario.kind === 'summary') {
    const base = await baseTable(scenario.shape, root);
    return { ...common, base, batches: [{ paths: [await batchOf(scenario)] }] };
  }
  const { startMs, batchMs } = benchShape(scenario.points);
  const batches: EngineRun['batches'][number][] = [];
  for (const number of [0, 1])
    batches.push({
      paths: [await benchPoints(scenario.points, number)],
      arrivedMs: startMs + number * batchMs + 1,
      untilMs: startMs + (number + 1) * batchMs,
    });
  return { ...common, batches };
}

async function batchOf(scenario: SummaryScenario): Promise<string> {
  const { accounts, historyColumns } = scenario.shape;
  const path = `${kept}/batch-${accounts}x${historyColumns}-${scenario.batch}.parquet`;
  await writeSummaryBatch(scenario, path);
  return path;
}

/** A MERGE a month: the later months' arrays and nothing else, and readers see each month for itself. */
async function measureMerges(scenario: SummaryScenario): Promise<void> {
  const { shape, rewrite, name } = scenario;
  await copyRoot(await baseTable(shape, root), root);
  const job = {
    kind: 'merge-by-month',
    rewrite,
    catalogName: localCatalogName,
    catalogPath: `${root}/catalog.db`,
    warehouse: `file://${root}/warehouse`,
    jars: jarsFolder,
    driverMemory: '4g',
    // As our own units have them.
    javaOptions: javaOptions(),
    table: `${localCatalogName}.partwise.bench_summary`,
    batch: await batchOf(scenario),
    columns: historyNames(shape),
    historyLength,
    laterMonths: monthsAfterBackfill(shape),
  };
  const old = await measureProcess<{ readonly workSeconds: number; readonly workCpuSeconds: number }>({
    command: pythonPath,
    args: [`${import.meta.dirname}/spark.py`, JSON.stringify(job)],
    env: {
      PYTHONPATH: `${import.meta.dirname}/../test/engines`,
      PYTHONDONTWRITEBYTECODE: '1',
      SPARK_LOCAL_IP: '127.0.0.1',
    },
    stderr: 'pipe',
  });
  const units = (await keptPart(name, 'spark'))?.units ?? [];
  const sum = (of: EngineUnit['stage'], what: 'wallSeconds' | 'cpuSeconds') =>
    units.filter(({ stage }) => stage === of).reduce((all, unit) => all + unit[what], 0);
  await keepPart(name, 'merges', {
    merges: [
      {
        scenario: name,
        wallSeconds: old.workSeconds,
        cpuSeconds: old.workCpuSeconds,
        unitsWallSeconds: sum('apply', 'wallSeconds'),
        unitsCpuSeconds: sum('apply', 'cpuSeconds'),
        resolveWallSeconds: sum('resolve', 'wallSeconds'),
        resolveCpuSeconds: sum('resolve', 'cpuSeconds'),
      },
    ],
  });
  console.error(`a MERGE a month: ${name}: ${old.workCpuSeconds.toFixed(1)} CPU s`);
}
