import { layOut } from '../report/sql-layout.ts';
import { readManifest, runContext } from '../run/context.ts';
import type { Plan, World } from '../run/workload.ts';
import { workloadOf } from '../run/workloads.ts';
import type { RunRecord } from '../stores/ports.ts';

/** The statements of a plan's units, laid out; one unit of each engine. */
export async function statementLines(world: World, run: RunRecord, plan: Plan): Promise<readonly string[]> {
  const { config } = await readManifest(world, run.runId);
  const context = runContext({ world, run, config, signal: new AbortController().signal, parallelUnits: 1 });
  const told = workloadOf(config).statements?.(context, plan, 1);
  if (told === undefined) return [`  no statements are told of pipelines of kind ${config.kind}`];
  const lines: string[] = [];
  for await (const { unit, engine, statements } of told) {
    lines.push('', `  statements of ${unit}, ${engine === 'spark' ? 'Spark' : 'DuckDB'}:`);
    for (const statement of statements)
      lines.push('', ...`${layOut(statement, { backslashes: engine === 'spark' })};`.split('\n'));
  }
  return lines.length === 0 ? ['  no unit changes stored rows'] : [...lines, ''];
}
