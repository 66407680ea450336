import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { duckDbEngine } from '../engine/duckdb.ts';
import type { Engine } from '../engine/engine.ts';
import { ConfigError } from '../errors.ts';
import { checkSummary } from './check.ts';
import { checkDeadline } from './check-deadline.ts';
import { checkRollup } from './check-rollup.ts';
import { checkSpark } from './check-spark.ts';
import { checkExpressions } from './expressions.ts';
import { nearest } from './names.ts';
import { type ConfigText, configError, type Problem } from './problems.ts';
import { type PipelineConfig, pipelineSchemas } from './schema.ts';
import { describeIssues } from './schema-problems.ts';

export interface LoadOptions {
  /** Binds the SQL expressions; default: DuckDB in this process. */
  readonly engine?: Engine;
}

const schemas: Readonly<Record<string, z.ZodType<PipelineConfig>>> = pipelineSchemas;

/** Reads and checks one pipeline file. @throws ConfigError with every problem of the file, each with its line */
export async function loadPipeline(path: string, options: LoadOptions = {}): Promise<PipelineConfig> {
  let yaml: string;
  try {
    yaml = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${path}: the file cannot be read`, { cause, details: { file: path } });
  }
  return parsePipeline(yaml, path, options);
}

/**
 * Checks a pipeline's YAML in three steps: its shape, the names that it refers to, its SQL expressions. A step is
 * reached when the one before found nothing, since its findings would repeat the earlier ones.
 *
 * @throws ConfigError with every problem of the step
 */
export async function parsePipeline(
  yaml: string,
  sourceName: string,
  options: LoadOptions = {},
): Promise<PipelineConfig> {
  const source = parseYaml(yaml, sourceName);
  const config = checkShape(source);
  refuse(source, [...checkSpark(config), ...checkDeadline(config)]);
  if (config.kind === 'rollup') refuse(source, checkRollup(config));
  else {
    refuse(source, checkSummary(config));
    refuse(source, await checkExpressions(config, options.engine ?? duckDbEngine));
  }
  return config;
}

function parseYaml(yaml: string, name: string): ConfigText {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  if (document.errors.length > 0) {
    const problems = document.errors.map(
      (error) => `${name}:${lines.linePos(error.pos[0]).line} ${error.message}`,
    );
    throw new ConfigError(problems.join('\n  '), {
      details: { file: name, problems },
      safe: 'Nothing was run.',
    });
  }
  return { name, document, lines };
}

function checkShape(source: ConfigText): PipelineConfig {
  let raw: unknown;
  try {
    raw = source.document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new ConfigError(`${source.name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const kind = typeof raw === 'object' && raw !== null && 'kind' in raw ? raw.kind : undefined;
  const schema = typeof kind === 'string' && Object.hasOwn(schemas, kind) ? schemas[kind] : undefined;
  if (schema === undefined && kind !== undefined) throw configError(source, [unknownKind(kind)]);
  const parsed = (schema ?? pipelineSchemas.summary).safeParse(raw, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw configError(source, describeIssues(schema ?? pipelineSchemas.summary, parsed.error.issues));
}

function unknownKind(kind: unknown): Problem {
  const allowed = Object.keys(schemas);
  const guess = nearest(String(kind), allowed);
  return {
    path: ['kind'],
    message: `${JSON.stringify(kind)} is not allowed${guess === undefined ? '' : `; did you mean ${guess}?`}; allowed: ${allowed.join(', ')}`,
  };
}

function refuse(source: ConfigText, problems: readonly Problem[]): void {
  if (problems.length > 0) throw configError(source, problems);
}
