import { enableCompileCache } from 'node:module';

// As the command line starts: with the cache on before anything else is imported.
enableCompileCache();
const { readdir } = await import('node:fs/promises');
const { parsePipeline } = await import('../lib/config/index.ts');
const { openSparkProcess } = await import('../lib/engine/spark-process.ts');
const { currentSnapshot, liveFiles, loadTable } = await import('../lib/iceberg/index.ts');
const { openLocalWorld, runPipeline } = await import('../lib/run/local/local.ts');
const { filePath } = await import('../lib/stores/location.ts');
const { reportUsage } = await import('./measure.ts');
const { cpuSecondsOf, descendants, peakBytesOf } = await import('./process-usage.ts');

/** One first load in a process of its own, plan to publish with audit, by DuckDB or by a Spark that it starts. */
interface Argument {
  readonly root: string;
  readonly yaml: string;
  readonly batch: string;
  readonly threads: number;
  readonly spark?: { readonly pythonPath: string; readonly jars: string; readonly memoryBytes: number };
}

const started = Date.now();
const argument = JSON.parse(process.argv[2] ?? '{}') as Argument;
const { root, threads, yaml, batch, spark } = argument;
const runner =
  spark === undefined
    ? undefined
    : openSparkProcess({
        pythonPath: spark.pythonPath,
        jarPaths: (await readdir(spark.jars)).map((name) => `${spark.jars}/${name}`),
        threads,
        memoryBytes: spark.memoryBytes,
      });
/** CPU seconds of all processes by stage; a stage lasts until the next one begins. */
const stages: Record<string, number> = {};
let last = { name: 'intake', at: 0 };
const mark = (name: string) => {
  const { user, system } = process.cpuUsage();
  const at = (user + system) / 1e6 + cpuSecondsOf(descendants());
  stages[last.name] = (stages[last.name] ?? 0) + at - last.at;
  last = { name, at };
};
/** Stages of the plan are announced together, and one after the other they begin. */
let planned = false;
let files: readonly string[] = [];
let used = { sparkCpuSeconds: 0, sparkPeakBytes: 0 };
{
  await using world = await openLocalWorld({
    root,
    threads,
    onProgress: (event) => {
      if (event.kind === 'run' || event.stage === undefined) return;
      const isOwn = event.kind !== 'stage' || ['prepare', 'audit', 'publish'].includes(event.stage);
      if (isOwn || !planned) mark(event.stage);
      planned ||= !isOwn;
    },
    ...(runner === undefined ? {} : { spark: runner }),
  });
  const config = await parsePipeline(yaml, 'bench.yaml');
  const { run } = await runPipeline({ world, config, paths: [batch] });
  mark('end');
  if (run?.status !== 'succeeded')
    throw new Error(`the run ended as ${run?.status}: ${JSON.stringify(run?.error)}`);
  const pids = descendants();
  used = { sparkCpuSeconds: cpuSecondsOf(pids), sparkPeakBytes: peakBytesOf(pids) };
  for (const name of ['bench_summary', 'bench_latest']) {
    const { catalog, warehouse: store } = world;
    const table = await loadTable({ store, catalog, identifier: { namespace: 'partwise', name } });
    const snapshotId = currentSnapshot(table)?.snapshotId;
    for await (const { file } of liveFiles({ store, table, snapshotId, statistics: false }))
      files = [...files, filePath(file.location)];
  }
}
await runner?.[Symbol.asyncDispose]();
reportUsage(started, { ...used, files, stages });
