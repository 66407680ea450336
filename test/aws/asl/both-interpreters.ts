import type { Json } from '../../../lib/asl/index.ts';
import { type Definition, memoryObjects, named, run, virtualTime } from '../../asl/support.ts';
import { uniqueName } from '../world.ts';
import type { SecondInterpreter } from './second-interpreter.ts';

/** What a function does when it is called: the n-th call takes the n-th behaviour, the last one stays. */
export type Behaviour =
  | 'echo'
  | { readonly answer: Json }
  | { readonly error: string }
  /** Echoes; fails for the payloads that have `bad: true`. */
  | 'echo good';

export interface MachineCase {
  readonly definition: Definition;
  readonly input?: Json;
  readonly functions?: Readonly<Record<string, readonly Behaviour[]>>;
  /** By `bucket/key`. */
  readonly objects?: Readonly<Record<string, string>>;
  /** Things happen side by side: calls are compared as a set. */
  readonly concurrent?: boolean;
}

/** What an execution came to, as far as two interpreters must agree. */
export interface Outcome {
  readonly status: string;
  readonly output: Json | undefined;
  readonly error: string | undefined;
  /** The text of a cause belongs to whoever raises it; an interpreter's own words are its own. */
  readonly cause: string | undefined;
  readonly calls: readonly string[];
  readonly waitsSeconds: readonly number[];
}

export async function runBoth(
  second: SecondInterpreter,
  machine: MachineCase,
): Promise<{ readonly ours: Outcome; readonly theirs: Outcome }> {
  const { definition, input = {}, objects = {} } = machine;
  const name = uniqueName('execution');
  const time = virtualTime();
  const mine = functionsOf(machine);
  const first = await run(definition, {
    name,
    input,
    functions: mine.functions,
    objects: memoryObjects(objects),
    clock: time.clock,
    sleep: time.sleep,
  });
  const other = functionsOf(machine);
  const waitsSeconds: number[] = [];
  const result = await second.run({
    definition,
    name,
    input,
    invoke: async (called, payload) => other.functions[called]?.(payload),
    objects: memoryObjects(objects),
    onWait: (seconds) => {
      if (seconds > 0) waitsSeconds.push(seconds);
    },
  });
  return {
    ours: outcomeOf(
      machine,
      first,
      mine.calls,
      time.sleeps.map((ms) => ms / 1_000),
    ),
    theirs: outcomeOf(machine, result, other.calls, waitsSeconds),
  };
}

function functionsOf({ functions = {} }: MachineCase) {
  const calls: string[] = [];
  const counts = new Map<string, number>();
  const call = async (name: string, behaviours: readonly Behaviour[], payload: Json): Promise<Json> => {
    calls.push(`${name} ${JSON.stringify(sorted(payload))}`);
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    const behaviour = behaviours[Math.min(count, behaviours.length - 1)] ?? 'echo';
    if (behaviour === 'echo') return { seen: payload };
    if (behaviour === 'echo good') {
      if (JSON.stringify(payload).includes('"bad":true')) throw named('BadItem', 'a bad item');
      return { seen: payload };
    }
    if ('error' in behaviour) throw named(behaviour.error, `${name} says "no"`);
    return behaviour.answer;
  };
  return {
    calls,
    functions: Object.fromEntries(
      Object.entries(functions).map(([name, behaviours]) => [
        name,
        (payload: Json) => call(name, behaviours, payload),
      ]),
    ),
  };
}

function outcomeOf(
  { concurrent = false }: MachineCase,
  result: Pick<Outcome, 'status' | 'output' | 'error' | 'cause'>,
  calls: readonly string[],
  waitsSeconds: readonly number[],
): Outcome {
  const { status, output, error, cause } = result;
  return {
    status,
    output,
    error,
    cause: error?.startsWith('States.') === true || cause === '' ? undefined : cause,
    calls: concurrent ? calls.toSorted() : calls,
    waitsSeconds: concurrent ? waitsSeconds.toSorted((a, b) => a - b) : waitsSeconds,
  };
}

/** The same value with its keys in order. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as { readonly [key: string]: Json };
  return Object.fromEntries(
    Object.keys(fields)
      .sort()
      .map((key) => [key, sorted(fields[key] ?? null)]),
  );
}
