import { enableCompileCache } from 'node:module';

// As the command line starts: with the cache on before anything else is imported.
enableCompileCache();
const { parsePipeline } = await import('../lib/config/index.ts');
const { openLocalWorld, runPipeline } = await import('../lib/run/local/local.ts');
const { reportUsage } = await import('./measure.ts');
const { stageTimes } = await import('./stage-times.ts');

/** One whole batch of points, intake to publish with audit, in a process of its own. */
const started = Date.now();
const argument: {
  root: string;
  yaml: string;
  paths: readonly string[];
  threads: number;
  arrivedMs: number;
  untilMs: number;
} = JSON.parse(process.argv[2] ?? '{}');
const times = stageTimes('intake');
{
  await using world = await openLocalWorld({
    root: argument.root,
    threads: argument.threads,
    onProgress: times.onProgress,
  });
  const config = await parsePipeline(argument.yaml, 'bench.yaml');
  const { run, plan } = await runPipeline({
    world,
    config,
    paths: argument.paths,
    arrivedMs: argument.arrivedMs,
    untilMs: argument.untilMs,
  });
  times.mark('end');
  if (run?.status !== 'succeeded')
    throw new Error(`the run ended as ${run?.status}: ${JSON.stringify(run?.error)}`);
  reportUsage(started, {
    stages: times.stages,
    rollup: run.facts['rollup'],
    units: plan?.stages.map((stage) => [stage.name, stage.units]),
  });
}
