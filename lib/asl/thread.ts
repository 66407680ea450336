import type { Assignment, Machine, State } from './definition.ts';
import { ErrorName, StateFailure } from './errors.ts';
import { serviceFunctions } from './functions.ts';
import type { History } from './history.ts';
import type { Bindings, Template } from './jsonata.ts';
import { jsonBytes, PAYLOAD_LIMIT_BYTES, payloadTooLarge, VARIABLES_LIMIT_BYTES } from './payload.ts';
import type { HistorySink, Json, ObjectAccess, Position, TaskHandlers } from './types.ts';

/** What every state of an execution and of its Map children shares. */
export interface Services {
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random: () => number;
  readonly tasks: TaskHandlers;
  readonly objects: ObjectAccess | undefined;
  /** Of the Map children; undefined when nobody listens to them. */
  readonly childSink: HistorySink | undefined;
  readonly machineName: string;
  /** Ends handlers at once: abort from outside, or the execution's time-out. */
  readonly kill: AbortSignal;
  /** Handlers that were given up but have not returned yet. */
  readonly abandoned: Set<Promise<unknown>>;
}

/** One execution: the top one, or a child of a Distributed Map. */
export interface Execution {
  readonly services: Services;
  readonly name: string;
  readonly mapRun: string | undefined;
  readonly input: Json;
  readonly startedMs: number;
  readonly redriveCount: number;
  readonly redrivenMs: number | undefined;
  readonly history: History;
}

/** One sequence of states: an execution's top, a branch, or an iteration. */
export interface Thread {
  readonly execution: Execution;
  readonly outer: Scope | undefined;
  /** No state starts once it has fired; running handlers are awaited unless `services.kill` has fired too. */
  readonly stop: AbortSignal;
  readonly mapItem: { readonly [key: string]: Json } | undefined;
  /** Id of the last event of this sequence. */
  lastEventId: number;
}

/** Variables: readable inside, never assigned from inside. */
export interface Scope {
  readonly outer: Scope | undefined;
  readonly values: Map<string, Json>;
}

/** A state being executed. */
export interface Visit {
  readonly thread: Thread;
  readonly scope: Scope;
  readonly state: State;
  readonly input: Json;
  readonly enteredMs: number;
  retryCount: number;
  /** Variables that the state has set. */
  assigned: readonly (readonly [string, Json])[];
}

/** How a sequence ended. */
export type SequenceEnd =
  | { readonly kind: 'done'; readonly output: Json }
  | { readonly kind: 'failed'; readonly failure: StateFailure; readonly position: Position }
  | { readonly kind: 'stopped'; readonly position: Position };

export type RunSequence = (machine: Machine, start: Position, thread: Thread) => Promise<SequenceEnd>;

export function record(
  thread: Thread,
  ...[type, details]: [string, Parameters<History['record']>[2]?]
): void {
  thread.lastEventId = thread.execution.history.record(thread.lastEventId, type, details);
}

/** Notes an evaluation error; other failures have events of their own. */
export function recordEvaluationFailure(visit: Visit, failure: StateFailure): void {
  if (failure.error !== ErrorName.QueryEvaluationError) return;
  record(visit.thread, 'EvaluationFailed', () => ({
    evaluationFailedEventDetails: {
      state: visit.state.name,
      error: failure.error ?? '',
      cause: failure.causeText ?? '',
    },
  }));
}

export const ARN_PREFIX = 'arn:aws:states:local:000000000000';

export function stateMachineArn(services: Services): string {
  return `${ARN_PREFIX}:stateMachine:${services.machineName}`;
}

export function executionArn({
  services,
  name,
  mapRun,
}: Pick<Execution, 'services' | 'name' | 'mapRun'>): string {
  const owner =
    mapRun === undefined
      ? services.machineName
      : `${services.machineName}/${mapRun.slice(0, mapRun.indexOf(':'))}`;
  return `${ARN_PREFIX}:execution:${owner}:${name}`;
}

/** The context object (https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html). */
function contextOf(visit: Visit): Json {
  const { execution, mapItem } = visit.thread;
  return {
    Execution: {
      Id: executionArn(execution),
      Input: execution.input,
      Name: execution.name,
      RoleArn: 'arn:aws:iam::000000000000:role/local',
      StartTime: new Date(execution.startedMs).toISOString(),
      RedriveCount: execution.redriveCount,
      ...(execution.redrivenMs === undefined
        ? {}
        : { RedriveTime: new Date(execution.redrivenMs).toISOString() }),
    },
    State: {
      EnteredTime: new Date(visit.enteredMs).toISOString(),
      Name: visit.state.name,
      RetryCount: visit.retryCount,
    },
    StateMachine: { Id: stateMachineArn(execution.services), Name: execution.services.machineName },
    ...(mapItem === undefined ? {} : { Map: { Item: mapItem } }),
  };
}

export interface Extras {
  readonly result?: Json;
  readonly errorOutput?: Json;
  /** In an ItemSelector: the item. */
  readonly mapItem?: { readonly [key: string]: Json };
}

function bindingsOf(visit: Visit, { mapItem, ...extras }: Extras = {}): Bindings {
  const bindings: { [name: string]: unknown } = { ...serviceFunctions(visit.thread.execution.services) };
  const scopes: Scope[] = [];
  for (let scope: Scope | undefined = visit.scope; scope !== undefined; scope = scope.outer)
    scopes.unshift(scope);
  for (const scope of scopes) for (const [name, value] of scope.values) bindings[name] = value;
  const context = contextOf(visit) as { readonly [key: string]: Json };
  bindings['states'] = {
    input: visit.input,
    context: mapItem === undefined ? context : { ...context, Map: { Item: mapItem } },
    ...extras,
  };
  return bindings;
}

export async function evaluate(template: Template, visit: Visit, extras?: Extras): Promise<Json> {
  return template.constant === undefined
    ? template.evaluate(bindingsOf(visit, extras))
    : template.constant.value;
}

/**
 * Evaluates Assign and Output with the variables as they were on entry, then assigns.
 * @throws StateFailure States.QueryEvaluationError, States.DataLimitExceeded
 */
export async function assignAndOutput(
  { assign, output }: { readonly assign: Assignment | undefined; readonly output: Template | undefined },
  visit: Visit,
  fallback: Json,
  extras?: Extras,
): Promise<Json> {
  const values: [string, Json][] = [];
  for (const [name, template] of assign ?? []) values.push([name, await evaluate(template, visit, extras)]);
  const result = output === undefined ? fallback : await evaluate(output, visit, extras);
  const bytes = jsonBytes(result);
  if (bytes > PAYLOAD_LIMIT_BYTES)
    throw payloadTooLarge(`The output of the state '${visit.state.name}'`, bytes);
  assignVariables(values, visit);
  return result;
}

function assignVariables(values: readonly (readonly [string, Json])[], visit: Visit): void {
  const { scope, state } = visit;
  if (values.length === 0) return;
  const bytes = jsonBytes(Object.fromEntries(values));
  if (bytes > PAYLOAD_LIMIT_BYTES) throw payloadTooLarge(`Assign of the state '${state.name}'`, bytes);
  for (const [name] of values) {
    for (let outer = scope.outer; outer !== undefined; outer = outer.outer) {
      if (outer.values.has(name)) {
        throw new StateFailure(
          ErrorName.Runtime,
          `The state '${state.name}' cannot assign $${name}: it belongs to an outer scope`,
        );
      }
    }
  }
  for (const [name, value] of values) scope.values.set(name, value);
  visit.assigned = values;
  const total = jsonBytes(Object.fromEntries(scope.values));
  if (total > VARIABLES_LIMIT_BYTES) {
    throw new StateFailure(
      ErrorName.DataLimitExceeded,
      `the variables are ${total} bytes; the limit is ${VARIABLES_LIMIT_BYTES}`,
    );
  }
}
