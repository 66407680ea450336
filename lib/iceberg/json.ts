/** JSON with 64-bit integers: snapshot ids do not fit a double (JSON.parse would round them without a word). */

/** Integers beyond 2^53 become bigint; all other numbers stay numbers. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, reviveInteger as (key: string, value: unknown) => unknown);
}

function reviveInteger(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context.source === undefined) return value;
  return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
}

interface RawJson {
  rawJSON(text: string): unknown;
}

/** bigint is written as a JSON integer, digit by digit. */
export function stringifyJson(value: unknown, indent?: number): string {
  const raw = JSON as unknown as RawJson;
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? raw.rawJSON(String(item)) : item),
    indent,
  );
}
