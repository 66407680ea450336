import { sleepFor } from './concurrency.ts';
import type { StateMachine } from './definition.ts';
import { ErrorName, Stopped, toOwnFailure, UnsupportedDefinitionError } from './errors.ts';
import { collectHistory, createHistory, failureDetails } from './history.ts';
import { usesObjects } from './load.ts';
import { checkPayload, toJson } from './payload.ts';
import { checkRedrive } from './redrive.ts';
import { runSequence } from './sequence.ts';
import { type Execution, record, type SequenceEnd, type Services, type Thread } from './thread.ts';
import type {
  ExecutionOptions,
  ExecutionResult,
  ExecutionStatus,
  HistorySink,
  Json,
  Position,
} from './types.ts';

const GRACE_MS = 30_000;

/**
 * Runs the machine to its end. An execution that fails is a result, not an exception, and no handler that heeds its
 * signal is still at work when the result is there.
 * @throws UnsupportedDefinitionError a resource has no handler, or a Map needs objects and none are given
 * @throws InvalidDefinitionError `redriveFrom` belongs to another definition
 */
export async function startExecution(options: ExecutionOptions): Promise<ExecutionResult> {
  const { machine, redriveFrom } = options;
  checkNeeds(machine, options);
  if (redriveFrom !== undefined) checkRedrive(machine, redriveFrom);
  const collected = options.history === undefined ? collectHistory(options.historyLimit) : undefined;
  const kill = new AbortController();
  const services = servicesOf(options, kill.signal);
  const onAbort = (): void => kill.abort(new Stopped());
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const ended = new AbortController();
  const timedOut = watchTime(machine, services, kill, ended.signal);
  const execution = executionOf(options, services, collected?.sink ?? options.history);
  const thread: Thread = {
    execution,
    outer: undefined,
    stop: kill.signal,
    mapItem: undefined,
    lastEventId: 0,
  };
  recordStart(thread);
  const start = redriveFrom?.position ?? { state: machine.startAt, input: execution.input, variables: {} };
  try {
    const end = await runTop(machine, start, thread);
    const status = statusOf(end, timedOut());
    const outcome = outcomeOf(end, status, options);
    recordEnd(thread, status, outcome);
    return {
      status,
      ...outcome,
      history: collected?.events ?? [],
      redrive:
        end.kind === 'done'
          ? undefined
          : {
              formatVersion: 1,
              definitionDigest: machine.digest,
              redriveCount: execution.redriveCount,
              name: execution.name,
              startedMs: execution.startedMs,
              input: execution.input,
              position: end.position,
            },
    };
  } finally {
    ended.abort();
    options.signal?.removeEventListener('abort', onAbort);
    await settleAbandoned(services, options.graceMs ?? GRACE_MS);
  }
}

async function runTop(machine: StateMachine, start: Position, thread: Thread): Promise<SequenceEnd> {
  try {
    checkPayload(start.input, 'The input of the execution');
    return await runSequence(machine, start, thread);
  } catch (thrown) {
    return { kind: 'failed', failure: toOwnFailure(thrown), position: start };
  }
}

function checkNeeds(machine: StateMachine, { tasks, objects }: ExecutionOptions): void {
  const missing = [...machine.resources].find((resource) => !Object.hasOwn(tasks, resource));
  if (missing !== undefined) {
    throw new UnsupportedDefinitionError(`nothing performs the resource ${missing}`, {
      details: { resource: missing },
    });
  }
  if (objects === undefined && usesObjects(machine)) {
    throw new UnsupportedDefinitionError(
      'the definition reads or writes objects, and no object access is given',
    );
  }
}

function servicesOf(options: ExecutionOptions, kill: AbortSignal): Services {
  const { clock = { now: () => Date.now() } } = options;
  return {
    now: () => clock.now(),
    sleep: options.sleep ?? sleepFor,
    random: options.random ?? Math.random,
    tasks: options.tasks,
    objects: options.objects,
    childSink: options.history,
    machineName: options.machine.name,
    kill,
    abandoned: new Set(),
  };
}

function executionOf(
  { name: given, input, redriveFrom }: ExecutionOptions,
  services: Services,
  sink: HistorySink | undefined,
): Execution {
  const now = services.now();
  const name = redriveFrom?.name ?? given;
  return {
    services,
    name,
    mapRun: undefined,
    input: redriveFrom?.input ?? toJson(input),
    startedMs: redriveFrom?.startedMs ?? now,
    redriveCount: redriveFrom === undefined ? 0 : redriveFrom.redriveCount + 1,
    redrivenMs: redriveFrom === undefined ? undefined : now,
    history: createHistory({
      now: services.now,
      sink,
      executionName: name,
      mapRun: undefined,
    }),
  };
}

/** Kills the execution when its TimeoutSeconds are over; tells whether that happened. */
function watchTime(
  machine: StateMachine,
  services: Services,
  kill: AbortController,
  ended: AbortSignal,
): () => boolean {
  let over = false;
  if (machine.timeoutSeconds !== undefined) {
    services.sleep(machine.timeoutSeconds * 1_000, ended).then(
      () => {
        over = !kill.signal.aborted;
        kill.abort(new Stopped());
      },
      () => {},
    );
  }
  return () => over;
}

function statusOf(end: SequenceEnd, timedOut: boolean): ExecutionStatus {
  if (end.kind === 'done') return 'SUCCEEDED';
  if (end.kind === 'failed') return 'FAILED';
  return timedOut ? 'TIMED_OUT' : 'ABORTED';
}

function outcomeOf(
  end: SequenceEnd,
  status: ExecutionStatus,
  { signal }: ExecutionOptions,
): Pick<ExecutionResult, 'output' | 'error' | 'cause'> {
  if (end.kind === 'done') return { output: end.output, error: undefined, cause: undefined };
  if (end.kind === 'failed')
    return { output: undefined, error: end.failure.error, cause: end.failure.causeText };
  if (status === 'TIMED_OUT') return { output: undefined, error: ErrorName.Timeout, cause: undefined };
  const reason: unknown = signal?.reason;
  const named =
    reason instanceof Error
      ? { error: reason.name, cause: reason.message }
      : { error: undefined, cause: undefined };
  return { output: undefined, ...named };
}

function recordStart(thread: Thread): void {
  const { execution } = thread;
  if (execution.redriveCount > 0) {
    record(thread, 'ExecutionRedriven', () => ({
      executionRedrivenEventDetails: { redriveCount: execution.redriveCount },
    }));
  } else
    record(thread, 'ExecutionStarted', () => ({
      executionStartedEventDetails: { input: JSON.stringify(execution.input) },
    }));
}

function recordEnd(
  thread: Thread,
  status: ExecutionStatus,
  { output, error, cause }: Pick<ExecutionResult, 'output' | 'error' | 'cause'>,
): void {
  const details = failureDetails({ error, causeText: cause });
  record(thread, ...endEvent(status, output, details));
}

function endEvent(
  status: ExecutionStatus,
  output: Json | undefined,
  details: ReturnType<typeof failureDetails>,
): Parameters<typeof record> extends [unknown, ...infer Event] ? Event : never {
  switch (status) {
    case 'SUCCEEDED':
      return [
        'ExecutionSucceeded',
        () => ({ executionSucceededEventDetails: { output: JSON.stringify(output) } }),
      ];
    case 'FAILED':
      return ['ExecutionFailed', () => ({ executionFailedEventDetails: details })];
    case 'TIMED_OUT':
      return ['ExecutionTimedOut', () => ({ executionTimedOutEventDetails: details })];
    case 'ABORTED':
      return ['ExecutionAborted', () => ({ executionAbortedEventDetails: details })];
  }
}

async function settleAbandoned({ abandoned, sleep }: Services, graceMs: number): Promise<void> {
  if (abandoned.size === 0) return;
  const settled = new AbortController();
  const all = Promise.allSettled(abandoned).then(() => settled.abort());
  await Promise.race([all, sleep(graceMs, settled.signal).catch(() => {})]);
}
