import { CorruptStateError } from '../errors.ts';

/** Typed reads of parsed JSON: what is not as the spec says is CorruptStateError with the path to it. */
export type JsonObject = Readonly<Record<string, unknown>>;

function wrong(path: string, expected: string, value: unknown): CorruptStateError {
  const shown =
    typeof value === 'object'
      ? value === null
        ? 'null'
        : 'an object'
      : `${typeof value} ${String(value).slice(0, 80)}`;
  return new CorruptStateError(`${path}: expected ${expected}, found ${shown}`, { details: { path } });
}

export function asObject(value: unknown, path: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, 'an object', value);
  return value as JsonObject;
}

export function asArray(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(path, 'an array', value);
  return value as readonly unknown[];
}

export function asString(value: unknown, path: string): string {
  if (typeof value !== 'string') throw wrong(path, 'a string', value);
  return value;
}

export function asBoolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw wrong(path, 'true or false', value);
  return value;
}

export function asInt(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(path, 'an integer', value);
  return value;
}

export function asLong(value: unknown, path: string): bigint {
  if (typeof value === 'bigint') return value;
  return BigInt(asInt(value, path));
}

export function asTextMap(value: unknown, path: string): Readonly<Record<string, string>> {
  const object = asObject(value, path);
  return Object.fromEntries(
    Object.entries(object).map(([key, item]) => [key, asString(item, `${path}.${key}`)]),
  );
}

export function optional<T>(
  value: unknown,
  path: string,
  read: (value: unknown, path: string) => T,
): T | undefined {
  return value === undefined || value === null ? undefined : read(value, path);
}

/** The keys of an object that are not in `known`. */
export function otherKeys(object: JsonObject, known: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !known.has(key)));
}
