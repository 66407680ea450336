import { rm, stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { jarsFolder, pythonPath, setUp } from '../test/engines/setup.ts';
import { cache, threads } from './base.ts';
import { measureChild, mega, type Usage } from './measure.ts';
import { initialLoad, pipelineYaml, type Shape } from './summary-data.ts';

/**
 * The first load of a 36-month history from one file, plan to publish with audit, by DuckDB and by Spark; beside the limit: a plain
 * DuckDB copy (zstd) of the data files that it made, one copy per file, two workers.
 * @example npm run bench -- first-load 15000 spark
 */

const root = `${cache}/first-load`;

interface Loaded extends Usage {
  readonly sparkCpuSeconds: number;
  readonly sparkPeakBytes: number;
  readonly files: readonly string[];
  /** CPU seconds of all processes. */
  readonly stages: Readonly<Record<string, number>>;
}

/** @param words accounts (default 60,000), `4-buckets` and the like (default: as the product chooses), an engine (default: both) */
export async function firstLoadBench(words: readonly string[]): Promise<void> {
  const accounts = Number(words.find((word) => /^\d+$/.test(word)) ?? 60_000);
  const buckets = /^(\d+)-buckets$/.exec(words.find((word) => word.endsWith('-buckets')) ?? '')?.[1];
  const shape: Shape = {
    accounts,
    months: 36,
    historyColumns: 4,
    buckets: buckets === undefined ? undefined : Number(buckets),
  };
  const engines = (['duckdb', 'spark'] as const).filter(
    (engine) => words.includes(engine) || !words.some((word) => word === 'duckdb' || word === 'spark'),
  );
  if (engines.includes('spark')) setUp();
  const batch = `${root}-batch.parquet`;
  await initialLoad(shape, batch);
  const rows = shape.accounts * shape.months;
  console.log(
    `\n## First load of ${rows.toLocaleString('en')} rows (${mega((await stat(batch)).size)} MB), 4 arrays, ${buckets ?? 'chosen'} buckets; load of the machine ${loadavg()[0]?.toFixed(1)}\n`,
  );
  console.log(
    '| engine | wall s | rows/s | CPU s | Spark CPU s | peak MB | Spark peak MB | files | MB | limit s | limit CPU s | wall ratio | CPU ratio | CPU s by stage |',
  );
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|');
  for (const engine of engines) {
    await rm(root, { recursive: true, force: true });
    const loaded = await load(shape, engine, batch);
    await printLine(engine, rows, loaded);
  }
  await rm(root, { recursive: true, force: true });
}

function load(shape: Shape, engine: 'duckdb' | 'spark', batch: string): Promise<Loaded> {
  return measureChild<Loaded>('child-load.ts', {
    root,
    yaml: pipelineYaml(shape, 'auto', 'none', `, engine: ${engine}`),
    batch,
    threads,
    ...(engine === 'spark' ? { spark: { pythonPath, jars: jarsFolder, memoryBytes: 4 * 2 ** 30 } } : {}),
  });
}

async function printLine(engine: string, rows: number, loaded: Loaded): Promise<void> {
  const { files, wallSeconds, sparkCpuSeconds, stages } = loaded;
  const cpuSeconds = loaded.cpuSeconds + sparkCpuSeconds;
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const limit = await measureChild<Usage>('child-copy.ts', {
    files,
    folder: `${root}/copy`,
    workers: threads,
  });
  const cells = [
    engine,
    wallSeconds.toFixed(1),
    Math.round(rows / wallSeconds).toLocaleString('en'),
    cpuSeconds.toFixed(1),
    sparkCpuSeconds.toFixed(1),
    mega(loaded.peakBytes),
    mega(loaded.sparkPeakBytes),
    files.length,
    mega(sizes.reduce((sum, size) => sum + size, 0)),
    limit.wallSeconds.toFixed(1),
    limit.cpuSeconds.toFixed(1),
    (wallSeconds / limit.wallSeconds).toFixed(2),
    (cpuSeconds / limit.cpuSeconds).toFixed(2),
    Object.entries(stages)
      .map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`)
      .join(', '),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
