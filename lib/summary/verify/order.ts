/**
 * The order of records, written a second time: semantics of the truth, "order tuple". Shares nothing with the
 * SQL that classifies records.
 */

/** A value as an engine session hands it over. */
export type Value = unknown;

/** (version, tie-breaks in configured order) and the hash of the record that decides among equals. */
export interface OrderTuple {
  readonly ranks: readonly Value[];
  readonly hash: Value;
}

/**
 * Orders two scalars of one column: NULL is the oldest, numbers by value (also bigint against number), booleans
 * false first, everything else by the bytes of its UTF-8 text (ISO dates and timestamps order correctly that way).
 */
export function compareValues(a: Value, b: Value): number {
  const left = a ?? null;
  const right = b ?? null;
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
  if (isNumeric(left) && isNumeric(right)) return compareNumbers(left, right);
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  return Buffer.compare(Buffer.from(String(left), 'utf8'), Buffer.from(String(right), 'utf8'));
}

/** Negative when `a` is older. Zero means that both are the same record: a duplicate. */
export function compareTuples(a: OrderTuple, b: OrderTuple): number {
  const ranks = compareRanks(a, b);
  return ranks === 0 ? compareValues(a.hash, b.hash) : ranks;
}

/** As compareTuples without the hash: a normal record and a delete that tie here leave the month alive. */
export function compareRanks(a: OrderTuple, b: OrderTuple): number {
  const length = Math.max(a.ranks.length, b.ranks.length);
  for (let index = 0; index < length; index += 1) {
    const order = compareValues(a.ranks[index], b.ranks[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function isNumeric(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** NaN is the greatest number, as in DuckDB and Spark. */
function compareNumbers(a: number | bigint, b: number | bigint): number {
  const aNan = Number.isNaN(a);
  const bNan = Number.isNaN(b);
  if (aNan || bNan) return Number(aNan) - Number(bNan);
  return a < b ? -1 : a > b ? 1 : 0;
}
