import type { Assignment, Catcher, Retrier } from './definition.ts';
import { ErrorName } from './errors.ts';
import {
  arrayField,
  choiceField,
  type Fields,
  fieldsOf,
  invalid,
  numberField,
  optionalString,
  optionalTemplate,
  stringArray,
  stringField,
  unsupported,
} from './fields.ts';
import { compileTemplate } from './jsonata.ts';
import { isRecord } from './payload.ts';

export interface StateSource {
  readonly name: string;
  readonly definition: unknown;
  readonly path: string;
  readonly names: Set<string>;
}

export const COMMON = ['Type', 'Comment', 'QueryLanguage'];
export const FLOWING = [...COMMON, 'Next', 'End', 'Assign', 'Output'];
export const RETRYING = [...FLOWING, 'Retry', 'Catch'];

export function flowing(fields: Fields, path: string) {
  const next = optionalString(fields, 'Next', path);
  if (fields['End'] !== undefined && typeof fields['End'] !== 'boolean')
    throw invalid(`${path}.End`, 'a boolean is expected');
  if ((next === undefined) === (fields['End'] !== true))
    throw invalid(path, 'exactly one of Next and "End": true is expected');
  return { next, assign: loadAssign(fields, path), output: optionalTemplate(fields, 'Output', path) };
}

export function retrying(fields: Fields, path: string) {
  const retry = arrayField(fields, 'Retry', path);
  const catchers = arrayField(fields, 'Catch', path);
  return {
    ...flowing(fields, path),
    retry: retry.map((retrier, index) =>
      loadRetrier(retrier, `${path}.Retry[${index}]`, index === retry.length - 1),
    ),
    catchers: catchers.map((catcher, index) =>
      loadCatcher(catcher, `${path}.Catch[${index}]`, index === catchers.length - 1),
    ),
  };
}

function loadRetrier(retrier: unknown, path: string, last: boolean): Retrier {
  const fields = fieldsOf(retrier, path, [
    'ErrorEquals',
    'IntervalSeconds',
    'MaxAttempts',
    'BackoffRate',
    'MaxDelaySeconds',
    'JitterStrategy',
    'Comment',
  ]);
  const intervalSeconds = numberField(fields, 'IntervalSeconds', path, { min: 1, max: 99_999_999 }) ?? 1;
  const maxDelaySeconds = numberField(fields, 'MaxDelaySeconds', path, { min: 1, max: 31_622_400 });
  if (maxDelaySeconds !== undefined && maxDelaySeconds <= intervalSeconds) {
    throw invalid(`${path}.MaxDelaySeconds`, 'it must be greater than IntervalSeconds');
  }
  return {
    errorEquals: loadErrorEquals(fields, path, last),
    intervalSeconds,
    maxAttempts: numberField(fields, 'MaxAttempts', path, { min: 0, max: 99_999_999 }) ?? 3,
    backoffRate: numberField(fields, 'BackoffRate', path, { min: 1, integer: false }) ?? 2,
    maxDelaySeconds,
    jitter: choiceField(fields, 'JitterStrategy', path, ['FULL', 'NONE']) ?? 'NONE',
  };
}

function loadCatcher(catcher: unknown, path: string, last: boolean): Catcher {
  const fields = fieldsOf(catcher, path, ['ErrorEquals', 'Next', 'Assign', 'Output', 'Comment']);
  return {
    errorEquals: loadErrorEquals(fields, path, last),
    next: stringField(fields, 'Next', path),
    assign: loadAssign(fields, path),
    output: optionalTemplate(fields, 'Output', path),
  };
}

function loadErrorEquals(fields: Fields, path: string, last: boolean): readonly string[] {
  const names = stringArray(fields['ErrorEquals'], `${path}.ErrorEquals`);
  if (names.includes(ErrorName.All) && (names.length > 1 || !last)) {
    throw invalid(`${path}.ErrorEquals`, 'States.ALL must stand alone, in the last entry');
  }
  const known: readonly string[] = Object.values(ErrorName);
  const unknown = names.find(
    (name) => name.startsWith('States.') && !known.includes(name) && !SERVICE_ERRORS.includes(name),
  );
  if (unknown !== undefined)
    throw invalid(`${path}.ErrorEquals`, `${unknown} is no error of the States Language`);
  return names;
}

/** Defined by the language, raised by a service or by the other mode only. */
const SERVICE_ERRORS = [
  'States.Permissions',
  'States.ResultPathMatchFailure',
  'States.ParameterPathFailure',
  'States.IntrinsicFailure',
  'States.Http.Socket',
];

const VARIABLE_NAME = /^[\p{ID_Start}_][\p{ID_Continue}_]*$/u;

export function loadAssign(fields: Fields, path: string): Assignment | undefined {
  const assign = fields['Assign'];
  if (assign === undefined) return undefined;
  if (!isRecord(assign)) throw invalid(`${path}.Assign`, 'an object of variables is expected');
  return Object.entries(assign).map(([name, value]) => {
    if (!VARIABLE_NAME.test(name) || [...name].length > 80)
      throw invalid(`${path}.Assign.${name}`, 'this is no name of a variable');
    if (name === '__proto__')
      throw unsupported(`${path}.Assign.${name}`, 'a variable of this name is not implemented');
    if (name === 'states') throw invalid(`${path}.Assign.${name}`, 'this name is reserved');
    return [name, compileTemplate(value, `${path}.Assign.${name}`)] as const;
  });
}
