import { javaOptions } from '../lib/engine/spark-process.ts';
import { localCatalogName } from '../lib/run/local/local.ts';
import { jarsFolder, pythonPath, setUp } from '../test/engines/setup.ts';
import { baseTable, cache, copyRoot, measureRun, place } from './base.ts';
import { measureProcess, mega, type Usage } from './measure.ts';
import { compareRows, dropKept, keepRows } from './spark-compare.ts';
import {
  backfill,
  historyLength,
  historyNames,
  monthsAfterBackfill,
  pipelineYaml,
  type Shape,
} from './summary-data.ts';

/**
 * Spark with Iceberg on two cores beside a run of ours: the same data files, the same late records. Spark does less: it
 * sets the arrays of the later months and nothing else. The results are compared, all rows of the later months.
 */

interface Scenario {
  readonly name: string;
  /** A job of spark.py. */
  readonly kind: 'merge-by-month' | 'merge-at-once' | 'collect-arrays';
  readonly rewrite: 'merge-on-read' | 'copy-on-write';
}

const scenarios: readonly Scenario[] = (['copy-on-write', 'merge-on-read'] as const).flatMap((rewrite) => [
  { name: '12 MERGEs, one a month', kind: 'merge-by-month', rewrite },
  { name: 'one MERGE of 12 months', kind: 'merge-at-once', rewrite },
  { name: 'collected arrays', kind: 'collect-arrays', rewrite },
]);
const shape: Shape = { accounts: 50_000, months: 36, historyColumns: 4, buckets: undefined };
const driverMemory = '6g';

/** @throws when Python, Java or Maven is missing, or when the two results differ */
export async function sparkBench(filters: readonly string[]): Promise<void> {
  const chosen = scenarios.filter(
    ({ name, rewrite }) =>
      filters.length === 0 || filters.some((filter) => `${name}, ${rewrite}`.includes(filter)),
  );
  if (chosen.length === 0) return;
  setUp();
  const base = await baseTable(shape);
  const batch = `${cache}/batch.parquet`;
  await backfill(shape, 0.01, batch);
  const months = monthsAfterBackfill(shape);
  await copyRoot(base, place);
  await keepRows({ name: 'base', shape, months });
  console.log(
    `\n## 1 % of ${shape.accounts.toLocaleString('en')} accounts x ${shape.months} months backfilled 12 months back, ${shape.historyColumns} columns\n`,
  );
  console.log('| | rewrite | whole s | without start s | CPU s | peak MB | read MB | written MB | rows |');
  console.log('|---|---|--:|--:|--:|--:|--:|--:|---|');
  for (const scenario of chosen) await measurePair({ scenario, base, batch, months });
  await dropKept(['base', 'spark', 'ours']);
}

interface SparkUsage extends Usage {
  /** From the session's being ready to the last commit. */
  readonly workSeconds: number;
}

interface PairOptions {
  readonly scenario: Scenario;
  readonly base: string;
  readonly batch: string;
  /** The later months, position 1 first. */
  readonly months: readonly string[];
}

async function measurePair(options: PairOptions): Promise<void> {
  const { base, scenario, batch, months } = options;
  await copyRoot(base, place);
  const spark = await measureSpark(options);
  await keepRows({ name: 'spark', shape, months });
  await copyRoot(base, place);
  const run = await measureRun({ yaml: pipelineYaml(shape, 'auto'), batch });
  /** Our start is not taken off: it belongs to each run. */
  const ours = { ...run, workSeconds: run.wallSeconds };
  await keepRows({ name: 'ours', shape, months });
  const changed = await compareRows('base', 'spark');
  const { rows, different } = await compareRows('spark', 'ours');
  const cells = (usage: SparkUsage) => [
    usage.wallSeconds.toFixed(1),
    usage.workSeconds.toFixed(1),
    usage.cpuSeconds.toFixed(1),
    mega(usage.peakBytes),
    mega(usage.readBytes),
    mega(usage.writtenBytes),
  ];
  const ratio = (name: keyof SparkUsage) => (ours[name] / spark[name]).toFixed(2);
  const ratios = (
    ['wallSeconds', 'workSeconds', 'cpuSeconds', 'peakBytes', 'readBytes', 'writtenBytes'] as const
  ).map(ratio);
  line([`Spark: ${scenario.name}`, scenario.rewrite, ...cells(spark), `${changed.different} changed`]);
  line(['ours', 'auto', ...cells(ours), `${different} of ${rows} differ from Spark's`]);
  line(['**ours / Spark**', '', ...ratios.map((value) => `**${value}**`), '']);
  if (changed.different === 0) throw new Error('Spark changed nothing; there is nothing to compare');
  if (different > 0)
    throw new Error(`${different} rows differ between Spark and us; the comparison means nothing`);
}

function measureSpark({ scenario, batch, months }: PairOptions): Promise<SparkUsage> {
  const job = {
    kind: scenario.kind,
    rewrite: scenario.rewrite,
    catalogName: localCatalogName,
    catalogPath: `${place}/catalog.db`,
    warehouse: `file://${place}/warehouse`,
    jars: jarsFolder,
    driverMemory,
    // As our own units have them.
    javaOptions: javaOptions(),
    table: `${localCatalogName}.partwise.bench_summary`,
    batch,
    columns: historyNames(shape),
    historyLength,
    laterMonths: months,
  };
  return measureProcess<SparkUsage>({
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

const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);
