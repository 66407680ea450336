import type {
  ChoiceRule,
  ChoiceState,
  FailState,
  ParallelState,
  PassState,
  State,
  SucceedState,
  TaskState,
  WaitState,
} from './definition.ts';
import {
  arrayField,
  fieldsOf,
  invalid,
  numberTemplate,
  optionalString,
  optionalTemplate,
  stringField,
  unsupported,
} from './fields.ts';
import { compileTemplate, isExpression } from './jsonata.ts';
import { loadBranches } from './load.ts';
import { COMMON, FLOWING, flowing, loadAssign, RETRYING, retrying, type StateSource } from './load-flow.ts';
import { loadMap } from './load-map.ts';
import { isRecord } from './payload.ts';

export function loadState(source: StateSource): State {
  const { definition, path } = source;
  if (!isRecord(definition)) throw invalid(path, 'an object is expected');
  const type = stringField(definition, 'Type', path);
  if (definition['QueryLanguage'] !== undefined && definition['QueryLanguage'] !== 'JSONata') {
    throw unsupported(`${path}.QueryLanguage`, 'JSONPath mode is not implemented; use JSONata');
  }
  switch (type) {
    case 'Task':
      return loadTask(source);
    case 'Map':
      return loadMap(source);
    case 'Parallel':
      return loadParallel(source);
    case 'Choice':
      return loadChoice(source);
    case 'Pass':
      return loadPass(source);
    case 'Wait':
      return loadWait(source);
    case 'Succeed':
      return loadSucceed(source);
    case 'Fail':
      return loadFail(source);
    default:
      throw invalid(
        `${path}.Type`,
        'one of Task, Map, Parallel, Choice, Pass, Wait, Succeed, Fail is expected',
      );
  }
}

function loadTask({ name, definition, path }: StateSource): TaskState {
  const fields = fieldsOf(
    definition,
    path,
    [...RETRYING, 'Resource', 'Arguments', 'TimeoutSeconds', 'HeartbeatSeconds'],
    ['Credentials'],
  );
  const resource = stringField(fields, 'Resource', path);
  if (isExpression(resource)) throw invalid(`${path}.Resource`, 'an expression is not allowed here');
  if (!resource.startsWith('arn:')) throw invalid(`${path}.Resource`, 'an ARN is expected');
  if (resource.endsWith('.waitForTaskToken') || resource.includes(':activity:')) {
    throw unsupported(`${path}.Resource`, 'callbacks by task token and activities are not implemented');
  }
  const timeoutSeconds = numberTemplate(fields, 'TimeoutSeconds', path, { min: 1, max: 99_999_999 });
  const heartbeatSeconds = numberTemplate(fields, 'HeartbeatSeconds', path, { min: 1, max: 99_999_999 });
  const [limit, beat] = [timeoutSeconds?.constant?.value, heartbeatSeconds?.constant?.value];
  if (typeof limit === 'number' && typeof beat === 'number' && beat >= limit) {
    throw invalid(`${path}.HeartbeatSeconds`, 'it must be smaller than TimeoutSeconds');
  }
  return {
    type: 'Task',
    name,
    ...retrying(fields, path),
    resource,
    arguments: optionalTemplate(fields, 'Arguments', path),
    timeoutSeconds,
    heartbeatSeconds,
  };
}

function loadParallel({ name, definition, path, names }: StateSource): ParallelState {
  const fields = fieldsOf(definition, path, [...RETRYING, 'Arguments', 'Branches']);
  return {
    type: 'Parallel',
    name,
    ...retrying(fields, path),
    arguments: optionalTemplate(fields, 'Arguments', path),
    branches: loadBranches(fields, path, names),
  };
}

function loadChoice({ name, definition, path }: StateSource): ChoiceState {
  const fields = fieldsOf(definition, path, [...COMMON, 'Choices', 'Default', 'Assign', 'Output']);
  const rules = arrayField(fields, 'Choices', path);
  if (rules.length === 0) throw invalid(`${path}.Choices`, 'at least one rule is expected');
  const next = optionalString(fields, 'Default', path);
  const assign = loadAssign(fields, path);
  const output = optionalTemplate(fields, 'Output', path);
  return {
    type: 'Choice',
    name,
    choices: rules.map((rule, index) => loadRule(rule, `${path}.Choices[${index}]`)),
    fallback: next === undefined ? undefined : { next, assign, output },
  };
}

function loadRule(rule: unknown, path: string): ChoiceRule {
  const fields = fieldsOf(rule, path, ['Condition', 'Next', 'Assign', 'Output', 'Comment']);
  const condition = fields['Condition'];
  if (typeof condition !== 'boolean' && !isExpression(condition))
    throw invalid(`${path}.Condition`, 'an expression or a boolean is expected');
  return {
    condition: compileTemplate(condition, `${path}.Condition`),
    next: stringField(fields, 'Next', path),
    assign: loadAssign(fields, path),
    output: optionalTemplate(fields, 'Output', path),
  };
}

function loadPass({ name, definition, path }: StateSource): PassState {
  return { type: 'Pass', name, ...flowing(fieldsOf(definition, path, FLOWING, ['Result']), path) };
}

function loadWait({ name, definition, path }: StateSource): WaitState {
  const fields = fieldsOf(definition, path, [...FLOWING, 'Seconds', 'Timestamp']);
  const seconds = numberTemplate(fields, 'Seconds', path, { min: 0, max: 99_999_999 });
  const timestamp = optionalTemplate(fields, 'Timestamp', path);
  if ((seconds === undefined) === (timestamp === undefined))
    throw invalid(path, 'exactly one of Seconds and Timestamp is expected');
  if (timestamp?.constant !== undefined)
    parseTimestamp(timestamp.constant.value, (message) => invalid(`${path}.Timestamp`, message));
  return { type: 'Wait', name, ...flowing(fields, path), seconds, timestamp };
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the epoch of an RFC 3339 timestamp with capital T and Z. */
export function parseTimestamp(value: unknown, fail: (message: string) => Error): number {
  const ms = typeof value === 'string' && RFC3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw fail('an RFC 3339 timestamp is expected, such as 2026-03-14T01:59:00Z');
  return ms;
}

function loadSucceed({ name, definition, path }: StateSource): SucceedState {
  const fields = fieldsOf(definition, path, [...COMMON, 'Output']);
  return { type: 'Succeed', name, output: optionalTemplate(fields, 'Output', path) };
}

function loadFail({ name, definition, path }: StateSource): FailState {
  const fields = fieldsOf(definition, path, [...COMMON, 'Error', 'Cause']);
  for (const key of ['Error', 'Cause']) optionalString(fields, key, path);
  return {
    type: 'Fail',
    name,
    error: optionalTemplate(fields, 'Error', path),
    cause: optionalTemplate(fields, 'Cause', path),
  };
}
