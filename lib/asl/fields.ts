import { InvalidDefinitionError, UnsupportedDefinitionError } from './errors.ts';
import { compileTemplate, isExpression, type Template } from './jsonata.ts';
import { isRecord } from './payload.ts';

/** Reading the fields of a definition: everything is checked, nothing unknown passes. */

export type Fields = { readonly [key: string]: unknown };

/** Fields of the language's other mode; a definition that uses one needs that mode. */
const JSONPATH_FIELDS: readonly string[] = [
  'InputPath',
  'OutputPath',
  'ResultPath',
  'Parameters',
  'ResultSelector',
  'ItemsPath',
  'SecondsPath',
  'TimestampPath',
  'TimeoutSecondsPath',
  'HeartbeatSecondsPath',
  'ErrorPath',
  'CausePath',
  'MaxConcurrencyPath',
  'MaxItemsPath',
  'ToleratedFailureCountPath',
  'ToleratedFailurePercentagePath',
  'MaxItemsPerBatchPath',
  'MaxInputBytesPerBatchPath',
  'Variable',
];

export function invalid(path: string, message: string): InvalidDefinitionError {
  return new InvalidDefinitionError(`${path}: ${message}`, { details: { path } });
}

export function unsupported(path: string, message: string): UnsupportedDefinitionError {
  return new UnsupportedDefinitionError(`${path}: ${message}`, { details: { path } });
}

/** An object that holds no other fields than the given ones. */
export function fieldsOf(
  value: unknown,
  path: string,
  allowed: readonly string[],
  notImplemented: readonly string[] = [],
): Fields {
  if (!isRecord(value)) throw invalid(path, 'an object is expected');
  for (const key of Object.keys(value)) {
    if (allowed.includes(key)) continue;
    if (JSONPATH_FIELDS.includes(key) || key.endsWith('.$')) {
      throw unsupported(`${path}.${key}`, 'JSONPath mode is not implemented; use JSONata');
    }
    if (notImplemented.includes(key)) throw unsupported(`${path}.${key}`, 'this field is not implemented');
    throw invalid(`${path}.${key}`, `unknown field; allowed here: ${allowed.join(', ')}`);
  }
  return value;
}

export function stringField(fields: Fields, key: string, path: string): string {
  const value = fields[key];
  if (typeof value !== 'string' || value === '')
    throw invalid(`${path}.${key}`, 'a non-empty string is expected');
  return value;
}

export function optionalString(fields: Fields, key: string, path: string): string | undefined {
  return fields[key] === undefined ? undefined : stringField(fields, key, path);
}

export function choiceField<T extends string>(
  fields: Fields,
  key: string,
  path: string,
  values: readonly T[],
): T | undefined {
  const value = fields[key];
  if (value === undefined) return undefined;
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) throw invalid(`${path}.${key}`, `one of ${values.join(', ')} is expected`);
  return found;
}

export function numberField(
  fields: Fields,
  key: string,
  path: string,
  limits: NumberLimits,
): number | undefined {
  const value = fields[key];
  if (value === undefined) return undefined;
  const problem = numberProblem(value, limits);
  if (problem !== undefined || typeof value !== 'number')
    throw invalid(`${path}.${key}`, problem ?? 'a number is expected');
  return value;
}

export interface NumberLimits {
  readonly min: number;
  readonly max?: number;
  readonly integer?: boolean;
}

/** What is wrong with the number, in words; undefined when nothing is. */
export function numberProblem(
  value: unknown,
  { min, max = Number.MAX_SAFE_INTEGER, integer = true }: NumberLimits,
): string | undefined {
  const fits =
    typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value));
  return fits ? undefined : `${integer ? 'an integer' : 'a number'} from ${min} to ${max} is expected`;
}

/** A number, or an expression that evaluates to one (checked then). */
export function numberTemplate(
  fields: Fields,
  key: string,
  path: string,
  limits: NumberLimits,
): Template | undefined {
  const value = fields[key];
  if (value === undefined) return undefined;
  if (!isExpression(value)) numberField(fields, key, path, limits);
  return compileTemplate(value, `${path}.${key}`);
}

export function optionalTemplate(fields: Fields, key: string, path: string): Template | undefined {
  return fields[key] === undefined ? undefined : compileTemplate(fields[key], `${path}.${key}`);
}

export function arrayField(fields: Fields, key: string, path: string): readonly unknown[] {
  const value = fields[key];
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(`${path}.${key}`, 'an array is expected');
  return value;
}

export function stringArray(value: unknown, path: string): readonly string[] {
  if (
    !Array.isArray(value) ||
    value.length === 0 ||
    !value.every((element) => typeof element === 'string' && element !== '')
  ) {
    throw invalid(path, 'a non-empty array of strings is expected');
  }
  return value as string[];
}
