import { enableCompileCache } from 'node:module';

// As the command line starts: with the cache on before anything else is imported.
enableCompileCache();
const { parsePipeline } = await import('../lib/config/index.ts');
const { openLocalWorld, runPipeline } = await import('../lib/run/local/local.ts');
const { reportUsage } = await import('./measure.ts');

/** One whole run, plan to publish with audit, in a process of its own. */
const started = Date.now();
const argument: { root: string; yaml: string; paths: readonly string[]; threads: number } = JSON.parse(
  process.argv[2] ?? '{}',
);
{
  await using world = await openLocalWorld({
    root: argument.root,
    threads: argument.threads,
  });
  const config = await parsePipeline(argument.yaml, 'bench.yaml');
  const { run, plan } = await runPipeline({ world, config, paths: argument.paths });
  if (run?.status !== 'succeeded')
    throw new Error(`the run ended as ${run?.status}: ${JSON.stringify(run?.error)}`);
  reportUsage(started, {
    runId: run.runId,
    strategy: plan?.strategy,
    facts: run.facts,
    units: plan?.stages.map((stage) => [stage.name, stage.units]),
  });
}
