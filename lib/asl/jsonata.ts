import jsonata from 'jsonata';
import { ErrorName, InvalidDefinitionError, StateFailure, UnsupportedDefinitionError } from './errors.ts';
import { isRecord } from './payload.ts';
import type { Json } from './types.ts';

/** What an expression sees: `$states`, the variables, and functions bound per execution. */
export type Bindings = { readonly [name: string]: unknown };

/** A JSON value whose `{% … %}` strings are compiled; `constant` when it has none. */
export interface Template {
  readonly constant: { readonly value: Json } | undefined;
  /** @throws StateFailure States.QueryEvaluationError */
  evaluate(bindings: Bindings): Promise<Json>;
}

/** Recursion inside one expression ends here as an evaluation error, before the process's stack does. */
const STACK_LIMIT = 400;

export function isExpression(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('{%') && value.endsWith('%}') && value.length >= 4;
}

/** @throws InvalidDefinitionError when an expression does not parse */
export function compileTemplate(value: unknown, path: string): Template {
  if (typeof value === 'string' && isExpression(value)) return compileExpression(value, path);
  if (typeof value === 'string' && value.startsWith('{%')) {
    throw new InvalidDefinitionError(`${path}: an expression starts with {% and must end with %}`, {
      details: { path },
    });
  }
  if (Array.isArray(value)) return compileArray(value, path);
  if (isRecord(value)) return compileObject(value, path);
  return constantTemplate(value as Json);
}

function constantTemplate(value: Json): Template {
  return { constant: { value }, evaluate: async () => value };
}

function compileArray(value: readonly unknown[], path: string): Template {
  const parts = value.map((element, index) => compileTemplate(element, `${path}[${index}]`));
  if (parts.every((part) => part.constant !== undefined)) return constantTemplate(value as Json);
  return {
    constant: undefined,
    evaluate: async (bindings) => {
      const elements: Json[] = [];
      for (const part of parts) elements.push(await part.evaluate(bindings));
      return elements;
    },
  };
}

function compileObject(value: { readonly [key: string]: unknown }, path: string): Template {
  const parts = Object.entries(value).map(
    ([key, member]) => [key, compileTemplate(member, `${path}.${key}`)] as const,
  );
  if (parts.every(([, part]) => part.constant !== undefined)) return constantTemplate(value as Json);
  return {
    constant: undefined,
    evaluate: async (bindings) => {
      const members: [string, Json][] = [];
      for (const [key, part] of parts) members.push([key, await part.evaluate(bindings)]);
      return Object.fromEntries(members);
    },
  };
}

function compileExpression(text: string, path: string): Template {
  const source = text.slice(2, -2).trim();
  const expression = parse(source, path);
  refuseContext(expression.ast(), source, path);
  return {
    constant: undefined,
    evaluate: async (bindings) => {
      let result: unknown;
      try {
        result = await expression.evaluate(undefined, bindings);
      } catch (error) {
        throw evaluationFailure(path, source, messageOf(error), error);
      }
      return plain(result, (reason) => evaluationFailure(path, source, reason));
    },
  };
}

function parse(source: string, path: string): jsonata.Expression {
  try {
    return jsonata(source, { stack: STACK_LIMIT });
  } catch (error) {
    throw new InvalidDefinitionError(`${path}: ${messageOf(error)} in the expression ${source}`, {
      details: { path, source },
      cause: error,
    });
  }
}

function evaluationFailure(path: string, source: string, reason: string, origin?: unknown): StateFailure {
  return new StateFailure(
    ErrorName.QueryEvaluationError,
    `The JSONata expression '${source}' specified for '${path}' failed: ${reason}`,
    origin,
  );
}

function messageOf(error: unknown): string {
  if (error instanceof StateFailure) return error.causeText ?? '';
  return isRecord(error) && typeof error['message'] === 'string' ? error['message'] : String(error);
}

/** JSONata's result as plain JSON: its sequences become arrays; what JSON cannot say is an error. */
function plain(value: unknown, fail: (reason: string) => StateFailure): Json {
  if (value === undefined) throw fail('it returned nothing (undefined)');
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw fail(`it returned ${value}, which JSON cannot represent`);
    return value;
  }
  if (Array.isArray(value)) return value.map((element) => plain(element, fail));
  if (!isRecord(value) || '_jsonata_lambda' in value || '_jsonata_function' in value) {
    throw fail('it returned a function, which JSON cannot represent');
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([key, member]) => [key, plain(member, fail)]));
}

type Node = { readonly [key: string]: unknown };

/**
 * There is no context value at the top of an expression: `$`, `$$` and bare field names are refused when the
 * definition is loaded, as the service does, and so is `$eval`.
 */
function refuseContext(node: unknown, source: string, path: string): void {
  if (!isRecord(node)) return;
  const refuse = (what: string): never => {
    throw new InvalidDefinitionError(
      `${path}: ${what} has no meaning here; start from $states or a variable: ${source}`,
      {
        details: { path, source },
      },
    );
  };
  const visit = (child: unknown): void => {
    if (Array.isArray(child)) for (const element of child) visit(element);
    else refuseContext(child, source, path);
  };
  switch (node['type']) {
    case 'path': {
      const first = (node['steps'] as readonly Node[])[0];
      if (first?.['type'] === 'name') refuse(`the field name '${String(first['value'])}'`);
      visit(first);
      return;
    }
    case 'variable':
      if (node['value'] === '' || node['value'] === '$') refuse(`$${String(node['value'])}`);
      return;
    case 'function':
    case 'partial':
      refuseEval(node, path);
      visit(node['procedure']);
      visit(node['arguments']);
      return;
    case 'binary':
    case 'bind':
    case 'apply':
    case 'unary':
    case 'condition':
    case 'block':
      for (const key of ['lhs', 'rhs', 'expression', 'expressions', 'condition', 'then', 'else'])
        visit(node[key]);
      return;
    default:
      return;
  }
}

function refuseEval(node: Node, path: string): void {
  const procedure = node['procedure'];
  const name = isRecord(procedure) ? (procedure['value'] ?? stepName(procedure)) : undefined;
  if (name === 'eval') {
    throw new UnsupportedDefinitionError(`${path}: $eval does not exist here; use $parse for JSON text`, {
      details: { path },
    });
  }
}

function stepName(procedure: Node): unknown {
  const steps = procedure['steps'];
  const first: unknown = Array.isArray(steps) ? steps[0] : undefined;
  return isRecord(first) ? first['value'] : undefined;
}
