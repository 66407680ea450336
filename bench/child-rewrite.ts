import { enableCompileCache } from 'node:module';
import type { RewriteTask } from '../lib/summary/tasks/tasks.ts';

enableCompileCache();
const { parsePipeline } = await import('../lib/config/index.ts');
const { openLocalWorld } = await import('../lib/run/local/local.ts');
const { runTask } = await import('../lib/run/local/local-task.ts');
const { reportUsage } = await import('./measure.ts');

/** One rewrite of cells, plan to publish with its comparison, in a process of its own. */
const started = Date.now();
const argument: {
  readonly root: string;
  readonly yaml: string;
  readonly task: RewriteTask;
  readonly threads: number;
} = JSON.parse(process.argv[2] ?? '{}');
{
  await using world = await openLocalWorld({ root: argument.root, threads: argument.threads });
  const config = await parsePipeline(argument.yaml, 'bench.yaml');
  const { run, plan } = await runTask({ world, config, task: argument.task });
  if (run?.status !== 'succeeded')
    throw new Error(`the run ended as ${run?.status}: ${JSON.stringify(run?.error)}`);
  const elapsedMs: Record<string, number> = {};
  for (const { name } of plan?.stages ?? [])
    for await (const { startedMs, endedMs } of world.state.checkpoints.list(run.runId, name))
      elapsedMs[name] = (elapsedMs[name] ?? 0) + endedMs - startedMs;
  reportUsage(started, {
    rewrite: run.facts['rewrite'],
    units: plan?.stages.map((stage) => [stage.name, stage.units]),
    elapsedMs,
  });
}
