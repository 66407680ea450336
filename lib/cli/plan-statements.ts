import { layOut } from '../report/sql-layout.ts';
import { readManifest, runContext } from '../run/context.ts';
import type { Plan, UnitStatements, World } from '../run/workload.ts';
import { workloadOf } from '../run/workloads.ts';
import type { RunRecord } from '../stores/ports.ts';

/** The statements of a plan's units, laid out; one unit of each engine. */
export async function statementLines(world: World, run: RunRecord, plan: Plan): Promise<readonly string[]> {
  const { config } = await readManifest(world, run.runId);
  const context = runContext({ world, run, config, signal: new AbortController().signal, parallelUnits: 1 });
  const told = workloadOf(config).statements?.(context, plan, 1);
  if (told === undefined) return [`  no statements are told of pipelines of kind ${config.kind}`];
  const lines: string[] = [];
  for await (const one of told) lines.push(...unitLines(one));
  return lines.length === 0 ? ['  no unit changes stored rows'] : [...lines, ''];
}

/** The statements of a unit, laid out, under a line that names it. */
export function unitLines({ unit, engine, statements }: UnitStatements): readonly string[] {
  return [
    '',
    `  statements of ${unit}, ${engine === 'spark' ? 'Spark' : 'DuckDB'}:`,
    ...statements.flatMap((statement) => [
      '',
      ...`${layOut(statement, { backslashes: engine === 'spark' })};`.split('\n'),
    ]),
  ];
}
