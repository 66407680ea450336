import { enableCompileCache } from 'node:module';

// As the command line starts: with the cache on before anything else is imported.
enableCompileCache();
const { parsePipeline } = await import('../lib/config/index.ts');
const { openLocalWorld, runPipeline } = await import('../lib/run/local.ts');
const { reportUsage } = await import('./measure.ts');

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
const stages: Record<string, number> = {};
let last: { name: string; at: number } | undefined;
const mark = (name: string) => {
  const now = performance.now();
  if (last !== undefined) stages[last.name] = (stages[last.name] ?? 0) + now - last.at;
  last = { name, at: now };
};
mark('intake');
{
  await using world = await openLocalWorld({
    root: argument.root,
    threads: argument.threads,
    onProgress: (event) => {
      if (event.kind === 'stage') mark(event.stage);
    },
  });
  const config = await parsePipeline(argument.yaml, 'bench.yaml');
  const { run, plan } = await runPipeline({
    world,
    config,
    paths: argument.paths,
    arrivedMs: argument.arrivedMs,
    untilMs: argument.untilMs,
  });
  mark('end');
  if (run?.status !== 'succeeded')
    throw new Error(`the run ended as ${run?.status}: ${JSON.stringify(run?.error)}`);
  reportUsage(started, {
    stages,
    rollup: run.facts['rollup'],
    units: plan?.stages.map((stage) => [stage.name, stage.units]),
  });
}
