import { createHash } from 'node:crypto';
import jsonata from 'jsonata';
import type { Bindings } from './jsonata.ts';

/** The functions that the service adds to JSONata, and those that must take the execution's clock and randomness. */

const HASHES: Readonly<Record<string, string>> = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};
const RANGE_LIMIT = 1_000;

const formatTime = jsonata('$fromMillis($ms, $picture, $zone)');

export interface FunctionSources {
  readonly now: () => number;
  readonly random: () => number;
}

/** Bindings to spread into each evaluation; the time stands still within one. */
export function serviceFunctions({ now, random }: FunctionSources): Bindings {
  const ms = now();
  return {
    partition,
    range,
    hash,
    parse,
    random: (seed?: unknown) => (seed === undefined ? random() : seeded(numberArgument('random', seed))),
    uuid: () => uuid(random),
    millis: () => ms,
    now: (picture?: string, zone?: string) =>
      picture === undefined && zone === undefined
        ? new Date(ms).toISOString()
        : formatTime.evaluate(undefined, { ms, picture, zone }),
  };
}

/** @example partition([1, 2, 3], 2) // [[1, 2], [3]] */
function partition(array: unknown, size: unknown): unknown[][] | undefined {
  if (array === undefined) return undefined;
  const values: unknown[] = Array.isArray(array) ? array : [array];
  const step = Math.trunc(numberArgument('partition', size));
  if (step < 1) throw new RangeError('$partition: the chunk size must be positive');
  const chunks: unknown[][] = [];
  for (let start = 0; start < values.length; start += step)
    chunks.push([...values.slice(start, start + step)]);
  return chunks;
}

/** From first to last inclusive, by step, at most 1,000 numbers. */
function range(first: unknown, last: unknown, step: unknown): number[] {
  const [from, to, by] = [
    numberArgument('range', first),
    numberArgument('range', last),
    numberArgument('range', step),
  ];
  if (by === 0) throw new RangeError('$range: the step must not be zero');
  const count = Math.floor((to - from) / by) + 1;
  if (count > RANGE_LIMIT) throw new RangeError(`$range: ${count} numbers; the limit is ${RANGE_LIMIT}`);
  return Array.from({ length: Math.max(0, count) }, (_, index) => from + index * by);
}

function hash(data: unknown, algorithm: unknown = 'SHA-256'): string | undefined {
  if (data === undefined) return undefined;
  const name = HASHES[String(algorithm)];
  if (name === undefined)
    throw new TypeError(`$hash: ${String(algorithm)} is not one of ${Object.keys(HASHES).join(', ')}`);
  return createHash(name)
    .update(typeof data === 'string' ? data : JSON.stringify(data))
    .digest('hex');
}

function parse(text: unknown): unknown {
  if (text === undefined) return undefined;
  if (typeof text !== 'string') throw new TypeError('$parse: the argument must be a string');
  return JSON.parse(text);
}

function numberArgument(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new TypeError(`$${name}: a number is expected`);
  return value;
}

/** splitmix32 of the seed: the same seed gives the same number. */
function seeded(seed: number): number {
  let state = (Math.trunc(seed) + 0x9e3779b9) | 0;
  state = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  state = Math.imul(state ^ (state >>> 15), 0x735a2d97);
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
}

/** Version 4 from the given randomness. */
export function uuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16));
  hex[12] = '4';
  hex[16] = (8 + Math.floor(random() * 4)).toString(16);
  const text = hex.join('');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}
