import type { LocalWorld } from '../../lib/run/local/local.ts';
import type { Rng } from '../generators/random.ts';

export class InjectedError extends Error {
  override readonly name = 'InjectedError';
}

export interface FaultyWorld {
  readonly world: LocalWorld;
  /** How often each kind of fault fired, by `port.method before` or `port.method after`. */
  readonly fired: ReadonlyMap<string, number>;
  /** Probability that one call fails, from now on. */
  rate(probability: number): void;
  /** Makes the next call of this kind fail for certain. */
  demand(kind: string): void;
}

/** Breaks calls of the ports at random: before they have an effect, or after it, when only the reply is lost. */
export function faultyWorld(world: LocalWorld, source: Rng): FaultyWorld {
  const fired = new Map<string, number>();
  const due = new Set<string>();
  let probability = 0;
  const strike = (name: string): void => {
    if (!due.delete(name) && !source.chance(probability)) return;
    fired.set(name, (fired.get(name) ?? 0) + 1);
    throw new InjectedError(name);
  };
  const breakable = <T extends object>(port: T, portName: string): T =>
    new Proxy(port, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function' || typeof property === 'symbol') return value;
        const name = `${portName}.${property}`;
        return (...args: unknown[]): unknown => {
          const call = () => Reflect.apply(value, target, args) as unknown;
          if (streams.has(name)) return brokenStream(call() as AsyncIterable<unknown>, name, strike);
          return (async () => {
            strike(`${name} before`);
            const result = await call();
            strike(`${name} after`);
            return result;
          })();
        };
      },
    });
  const { state } = world;
  return {
    world: {
      ...world,
      warehouse: breakable(world.warehouse, 'warehouse'),
      results: breakable(world.results, 'results'),
      catalog: breakable(world.catalog, 'catalog'),
      state: {
        intake: breakable(state.intake, 'intake'),
        runs: breakable(state.runs, 'runs'),
        checkpoints: breakable(state.checkpoints, 'checkpoints'),
        leases: breakable(state.leases, 'leases'),
        close: () => state.close(),
      },
    },
    fired,
    demand: (kind) => {
      due.add(kind);
    },
    rate: (next) => {
      probability = next;
    },
  };
}

const streams = new Set([
  'warehouse.list',
  'warehouse.readLines',
  'results.list',
  'results.readLines',
  'intake.list',
  'checkpoints.list',
  'checkpoints.notes',
]);

async function* brokenStream(
  items: AsyncIterable<unknown>,
  name: string,
  strike: (name: string) => void,
): AsyncIterable<unknown> {
  strike(`${name} before`);
  yield* items;
  strike(`${name} after`);
}
