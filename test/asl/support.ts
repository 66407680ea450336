import {
  type ExecutionOptions,
  type ExecutionResult,
  type HistoryEvent,
  type HistorySource,
  type Json,
  LAMBDA_INVOKE,
  type LambdaFunction,
  lambdaInvoke,
  loadStateMachine,
  type ObjectAccess,
  startExecution,
} from '../../lib/asl/index.ts';

export type Definition = { readonly [key: string]: unknown };

/** A definition in JSONata mode that starts at its first state. */
export function definitionOf(states: Definition, more: Definition = {}): Definition {
  return { QueryLanguage: 'JSONata', StartAt: Object.keys(states)[0], States: states, ...more };
}

/** A task that calls the function with the state's input and gives its payload on. */
export function call(name: string, more: Definition = {}): Definition {
  return {
    Type: 'Task',
    Resource: LAMBDA_INVOKE,
    Arguments: { FunctionName: name, Payload: '{% $states.input %}' },
    Output: '{% $states.result.Payload %}',
    ...('Next' in more ? {} : { End: true }),
    ...more,
  };
}

export interface RunOptions extends Partial<Omit<ExecutionOptions, 'machine'>> {
  readonly functions?: Readonly<Record<string, LambdaFunction>>;
}

export function run(
  definition: Definition,
  { functions = {}, ...options }: RunOptions = {},
): Promise<ExecutionResult> {
  return startExecution({
    machine: loadStateMachine(definition, { name: 'machine' }),
    name: 'execution',
    input: {},
    tasks: { [LAMBDA_INVOKE]: lambdaInvoke(functions) },
    ...virtualTime(),
    random: seededRandom(1),
    ...options,
  });
}

/** The output of an execution that must succeed. */
export async function outputOf(definition: Definition, options?: RunOptions): Promise<Json | undefined> {
  const result = await run(definition, options);
  if (result.status !== 'SUCCEEDED') throw new Error(`${result.status}: ${result.error}: ${result.cause}`);
  return result.output;
}

/** Evaluates one expression in a Pass state. */
export function evaluated(expression: string, input: Json = {}): Promise<ExecutionResult> {
  return run(definitionOf({ P: { Type: 'Pass', Output: `{% ${expression} %}`, End: true } }), { input });
}

export interface VirtualTime {
  readonly clock: { now(): number };
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Every wait that was asked for, in milliseconds. */
  readonly sleeps: number[];
}

/** Time that jumps to the next timer whenever nothing else is going on. */
export function virtualTime(startMs = Date.UTC(2026, 0, 1)): VirtualTime {
  let now = startMs;
  let pumping = false;
  const timers: { atMs: number; fire: () => void }[] = [];
  const sleeps: number[] = [];
  const pump = async (): Promise<void> => {
    while (timers.length > 0) {
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      timers.sort((a, b) => a.atMs - b.atMs);
      const next = timers.shift();
      if (next === undefined) break;
      now = Math.max(now, next.atMs);
      next.fire();
    }
    pumping = false;
  };
  return {
    clock: { now: () => now },
    sleeps,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        sleeps.push(ms);
        const timer = { atMs: now + ms, fire: resolve };
        timers.push(timer);
        signal.addEventListener('abort', () => {
          const index = timers.indexOf(timer);
          if (index >= 0) timers.splice(index, 1);
          reject(signal.reason);
        });
        if (!pumping) {
          pumping = true;
          void pump();
        }
      }),
  };
}

/** mulberry32 */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface MemoryObjects extends ObjectAccess {
  readonly objects: Map<string, Uint8Array>;
  text(bucketAndKey: string): string;
  json(bucketAndKey: string): unknown;
}

/** Buckets in memory; names are `bucket/key`. Objects are given out in small pieces. */
export function memoryObjects(initial: Readonly<Record<string, string | Uint8Array>> = {}): MemoryObjects {
  const objects = new Map(
    Object.entries(initial).map(([name, body]) => [name, Buffer.from(body)] as [string, Uint8Array]),
  );
  const find = (name: string): Uint8Array => {
    const body = objects.get(name);
    if (body === undefined) throw new Error(`there is no object ${name}`);
    return body;
  };
  return {
    objects,
    text: (name) => Buffer.from(find(name)).toString(),
    json: (name) => JSON.parse(Buffer.from(find(name)).toString()),
    async *getObject(bucket, key) {
      const body = find(`${bucket}/${key}`);
      const piece = body.length < 10_000 ? 7 : 60_000;
      for (let start = 0; start < body.length; start += piece) yield body.subarray(start, start + piece);
    },
    async *listObjects(bucket, prefix) {
      for (const [name, body] of objects) {
        if (!name.startsWith(`${bucket}/${prefix}`)) continue;
        yield {
          key: name.slice(bucket.length + 1),
          sizeBytes: body.length,
          etag: '"e"',
          modifiedMs: 1_700_000_000_000,
        };
      }
    },
    async putObject(bucket, key, body) {
      objects.set(`${bucket}/${key}`, body);
    },
  };
}

export function named(name: string, message = 'no reason'): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

/** Types of the events, in order. */
export function typesOf(history: readonly HistoryEvent[]): readonly string[] {
  return history.map((event) => event.type);
}

/** A sink that keeps everything, children included. */
export function keepAll(): {
  readonly kept: (HistoryEvent & HistorySource)[];
  readonly sink: (event: HistoryEvent, source: HistorySource) => void;
} {
  const kept: (HistoryEvent & HistorySource)[] = [];
  return { kept, sink: (event, source) => void kept.push({ ...event, ...source }) };
}

/** A Distributed Map over the JSON lines of `bucket/items` with one task per item. */
export function distributedMap(more: Definition = {}, unit: Definition = call('work')): Definition {
  return {
    Type: 'Map',
    ItemReader: {
      Resource: 'arn:aws:states:::s3:getObject',
      ReaderConfig: { InputType: 'JSONL' },
      Arguments: { Bucket: 'bucket', Key: 'items' },
    },
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      StartAt: 'Unit',
      States: { Unit: unit },
    },
    ...('Next' in more ? {} : { End: true }),
    ...more,
  };
}

export function lines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

export const toResults = {
  Resource: 'arn:aws:states:::s3:putObject',
  Arguments: { Bucket: 'bucket', Prefix: 'results' },
};
