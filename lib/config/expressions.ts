import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine, EngineSession } from '../engine/engine.ts';
import { identifier, text } from '../engine/sql.ts';
import { refuseSyntax, refuseText } from './expression-syntax.ts';
import type { Path, Problem } from './problems.ts';
import type { SummaryConfig } from './schema.ts';
import { sqlType, type TargetColumn } from './types.ts';

interface Step {
  readonly path: Path;
  readonly sql: string;
  readonly target: TargetColumn;
  /** What the expression sees. */
  readonly columns: readonly TargetColumn[];
}

/**
 * Binds every expression against an empty relation of the columns that it will see: a transformation sees all
 * columns, a derived column also the derived ones before it. Nothing is read and nothing is run.
 */
export async function checkExpressions(config: SummaryConfig, engine: Engine): Promise<readonly Problem[]> {
  const steps = expressionSteps(config);
  if (steps.length === 0) return [];
  const workFolder = await mkdtemp(join(tmpdir(), 'partwise-config-'));
  await using session = await engine.open({ memoryBytes: 256e6, threads: 1, workFolder });
  const problems: Problem[] = [];
  for (const step of steps) {
    for (const message of await checkStep(session, step))
      problems.push({ path: step.path, message: `${message}\n    in: ${step.sql}` });
  }
  return problems;
}

function expressionSteps(config: SummaryConfig): readonly Step[] {
  const columns: TargetColumn[] = config.columns.map(({ name, type }) => ({ name, type }));
  const steps: Step[] = [];
  for (const [at, { column, sql }] of config.transformations.entries()) {
    const target = columns.find(({ name }) => name === column);
    if (target !== undefined)
      steps.push({ path: ['transformations', at, 'sql'], sql, target, columns: [...columns] });
  }
  for (const [at, { name, type, sql }] of config.derived.entries()) {
    steps.push({ path: ['derived', at, 'sql'], sql, target: { name, type }, columns: [...columns] });
    columns.push({ name, type });
  }
  return steps;
}

async function checkStep(session: EngineSession, { sql, target, columns }: Step): Promise<readonly string[]> {
  const refused = refuseText(sql);
  if (refused !== undefined) return [refused];
  const [row] = await session.query(
    `SELECT CAST(json_serialize_sql(${text(`SELECT ${sql}`)}) AS VARCHAR) AS tree`,
  );
  const syntax = refuseSyntax(
    String(row?.['tree']),
    columns.map(({ name }) => name),
  );
  if (syntax.length > 0) return syntax;
  const relation = columns
    .map(({ name, type }) => `CAST(NULL AS ${sqlType(type)}) AS ${identifier(name)}`)
    .join(', ');
  try {
    await session.query(
      `DESCRIBE SELECT CAST((\n${sql}\n) AS ${sqlType(target.type)}) AS v FROM (SELECT ${relation}) WHERE false`,
    );
    return [];
  } catch (error) {
    return [engineMessage(error)];
  }
}

/** What the engine says is wrong; its candidates are columns of this pipeline. The statement around it is ours. */
function engineMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (
    message
      .split(/\n\n|\nLINE |\nin: /)[0]
      ?.replaceAll(/\s*\n\s*/g, ' ')
      .trim() ?? message
  );
}
