import type { StateMachine } from './definition.ts';
import { InvalidDefinitionError } from './errors.ts';
import type { ChildrenPosition, Json, Position, RedriveState } from './types.ts';

/** What a Parallel or Map knows of its children, for its result and for a redrive. */
export interface Positions {
  hasSucceeded(index: number): boolean;
  hasAll(count: number): boolean;
  succeed(index: number, output: Json | undefined): void;
  stop(index: number, position: Position): void;
  /** Where a child that did not succeed last time goes on; undefined starts it anew. */
  startOf(index: number): Position | undefined;
  outputOf(index: number): Json;
  /** The children as they stand. */
  take(extra?: Pick<ChildrenPosition, 'mapRun'>): ChildrenPosition;
}

export function createPositions(resume: ChildrenPosition | undefined): Positions {
  const succeeded = createIndexSet(resume?.succeeded ?? []);
  const outputs = new Map<number, Json>(numbered(resume?.outputs));
  const stopped = new Map<number, Position>(numbered(resume?.stopped));
  return {
    hasSucceeded: succeeded.has,
    hasAll: (count) => succeeded.size() >= count,
    succeed(index, output) {
      succeeded.add(index);
      stopped.delete(index);
      if (output !== undefined) outputs.set(index, output);
    },
    stop: (index, position) => void stopped.set(index, position),
    startOf: (index) => stopped.get(index),
    outputOf: (index) => outputs.get(index) ?? null,
    take: (extra = {}) => ({
      succeeded: succeeded.ranges(),
      outputs: Object.fromEntries(outputs),
      stopped: Object.fromEntries(stopped),
      ...extra,
    }),
  };
}

function numbered<T>(record: { readonly [index: string]: T } | undefined): [number, T][] {
  return Object.entries(record ?? {}).map(([index, value]) => [Number(index), value]);
}

/** A set of small integers as a bitmap: 12.5 KB for 100,000 of them. */
export function createIndexSet(ranges: ChildrenPosition['succeeded']) {
  let bits = new Uint8Array(64);
  let count = 0;
  const has = (index: number): boolean => ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  const add = (index: number): void => {
    if (has(index)) return;
    if (index >> 3 >= bits.length) {
      const grown = new Uint8Array(Math.max(bits.length * 2, (index >> 3) + 1));
      grown.set(bits);
      bits = grown;
    }
    bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
    count += 1;
  };
  for (const [from, to] of ranges) for (let index = from; index < to; index += 1) add(index);
  return {
    has,
    add,
    size: () => count,
    ranges(): [number, number][] {
      const found: [number, number][] = [];
      for (let index = 0; index < bits.length * 8; index += 1) {
        if (!has(index)) continue;
        const last = found.at(-1);
        if (last?.[1] === index) last[1] = index + 1;
        else found.push([index, index + 1]);
      }
      return found;
    },
  };
}

/** @throws InvalidDefinitionError when the earlier execution ran another definition */
export function checkRedrive(machine: StateMachine, redrive: RedriveState): void {
  if (redrive.formatVersion !== 1 || redrive.definitionDigest !== machine.digest) {
    throw new InvalidDefinitionError('an execution can be redriven with the definition that it ran only');
  }
}
