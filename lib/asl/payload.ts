import { ErrorName, StateFailure } from './errors.ts';
import type { Json } from './types.ts';

/** Largest input or output of a state, in bytes of UTF-8 JSON. */
export const PAYLOAD_LIMIT_BYTES = 262_144;
/** Largest sum of all variables of an execution. */
export const VARIABLES_LIMIT_BYTES = 10 * 1024 * 1024;

export function jsonBytes(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** @throws StateFailure States.DataLimitExceeded */
export function checkPayload(value: Json, what: string): Json {
  const bytes = jsonBytes(value);
  if (bytes > PAYLOAD_LIMIT_BYTES) throw payloadTooLarge(what, bytes);
  return value;
}

export function payloadTooLarge(what: string, bytes: number): StateFailure {
  return new StateFailure(
    ErrorName.DataLimitExceeded,
    `${what} is ${bytes} bytes; the limit is ${PAYLOAD_LIMIT_BYTES} bytes`,
  );
}

/** A value from outside as JSON: no functions, no cycles, `undefined` as null. @throws TypeError */
export function toJson(value: unknown): Json {
  const text = JSON.stringify(value);
  return text === undefined ? null : (JSON.parse(text) as Json);
}

export function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
