import type { z } from 'zod';
import { nearest } from './names.ts';
import type { Path, Problem } from './problems.ts';

/** The schema's findings in words: what is there, what is allowed, and what was probably meant. */
export function describeIssues(schema: z.ZodType, issues: readonly z.core.$ZodIssue[]): readonly Problem[] {
  return issues.flatMap((issue) => describe(schema, issue));
}

function describe(schema: z.ZodType, issue: z.core.$ZodIssue): readonly Problem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  const got = show(issue.input);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const allowed = keysAt(schema, path);
      return issue.keys.map((key) => ({
        path: [...path, key],
        atKey: true,
        message: `unknown key${meant(key, allowed)}; allowed: ${allowed.join(', ')}`,
      }));
    }
    case 'invalid_type':
      return [
        {
          path,
          message:
            issue.input === undefined
              ? `is required (${issue.expected})`
              : wrongType(issue.expected, issue.input),
        },
      ];
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      const guess = typeof issue.input === 'string' ? meant(issue.input, allowed) : '';
      return [
        {
          path,
          message:
            issue.input === undefined
              ? `is required; allowed: ${allowed.join(', ')}`
              : `${got} is not allowed${guess}; allowed: ${allowed.join(', ')}`,
        },
      ];
    }
    case 'invalid_format': {
      const guess = typeof issue.input === 'string' ? meant(issue.input, issue.message.split(', ')) : '';
      return [{ path, message: `${got} is not allowed${guess}; allowed: ${issue.message}` }];
    }
    case 'too_small':
    case 'too_big': {
      const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
      const what = issue.origin === 'array' ? ' entries' : issue.origin === 'string' ? ' characters' : '';
      return [{ path, message: `${got} is not allowed; allowed: ${bound}${what}` }];
    }
    case 'invalid_union': {
      const guess =
        typeof issue.input === 'string'
          ? meant(issue.input, issue.message.replace('allowed: ', '').split(', '))
          : '';
      return [
        {
          path,
          message:
            issue.input === undefined
              ? `is required; ${issue.message}`
              : `${got} is not allowed${guess}; ${issue.message}`,
        },
      ];
    }
    case 'custom':
      return [{ path, message: `${got} is not allowed; allowed: ${issue.message}` }];
    default:
      return [{ path, message: issue.message }];
  }
}

function wrongType(expected: string, input: unknown): string {
  const hint =
    expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')
      ? `; put it in quotes: '${input}'`
      : '';
  return `${show(input)} is not allowed; allowed: ${expected}${hint}`;
}

function meant(word: string, allowed: readonly string[]): string {
  const guess = nearest(word, allowed);
  return guess === undefined ? '' : `; did you mean ${guess}?`;
}

function show(input: unknown): string {
  if (Array.isArray(input)) return `a list of ${input.length}`;
  if (input !== null && typeof input === 'object') return 'a map';
  const json = JSON.stringify(input) ?? 'nothing';
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}

/** The keys that the schema allows in the object at the path. */
function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  let at: unknown = schema;
  for (const part of [...path, undefined]) {
    const def = innermost(at);
    if (part === undefined) return Object.keys(def?.shape ?? {});
    at = typeof part === 'number' ? def?.element : def?.shape?.[part];
  }
  return [];
}

interface Definition {
  readonly innerType?: unknown;
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly element?: unknown;
}

/** Below defaults and optionals. */
function innermost(schema: unknown): Definition | undefined {
  const def = (schema as { readonly def?: Definition } | undefined)?.def;
  return def?.innerType === undefined ? def : innermost(def.innerType);
}
