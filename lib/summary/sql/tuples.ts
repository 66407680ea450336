/**
 * The order of records as SQL: tuples of expressions (version, tie-breaks, hash), compared from the left, NULL the
 * oldest value of all.
 */

export type Tuple = readonly string[];

/** True when `a` is newer than `b`; never NULL. */
export function newer(a: Tuple, b: Tuple): string {
  return a.reduceRight((rest, left, index) => {
    const right = b[index] ?? 'NULL';
    const greater = `(${left} IS NOT NULL AND (${right} IS NULL OR ${left} > ${right}))`;
    return rest === ''
      ? greater
      : `CASE WHEN ${left} IS DISTINCT FROM ${right} THEN ${greater} ELSE ${rest} END`;
  }, '');
}

/** True when both are the same record; never NULL. */
export function same(a: Tuple, b: Tuple): string {
  return `(${a.map((left, index) => `${left} IS NOT DISTINCT FROM ${b[index] ?? 'NULL'}`).join(' AND ')})`;
}

/**
 * Whether a month is alive: its normal record is not older than its delete. The hashes take no part, so an exact
 * tie of version and tie-breaks leaves the month alive. A NULL version in `deletion` means that there is no delete.
 */
export function alive(record: Tuple, deletion: Tuple): string {
  return `(${deletion[0] ?? 'NULL'} IS NULL OR NOT (${newer(deletion.slice(0, -1), record.slice(0, -1))}))`;
}

/** `ORDER BY` items, newest first. */
export function newestFirst(tuple: Tuple): string {
  return tuple.map((part) => `${part} DESC NULLS LAST`).join(', ');
}

/** Part by part: `condition ? a : b`. */
export function choose(condition: string, a: Tuple, b: Tuple): Tuple {
  return a.map((part, index) => `CASE WHEN ${condition} THEN ${part} ELSE ${b[index] ?? 'NULL'} END`);
}

/** Aliased columns `<prefix>_0`, `<prefix>_1`, … of a tuple, for a SELECT list. */
export function selectTuple(tuple: Tuple, prefix: string): string {
  return tuple.map((part, index) => `${part} AS ${prefix}_${index}`).join(', ');
}

/** References to what `selectTuple` made. */
export function tupleOf(prefix: string, length: number, alias?: string): Tuple {
  return Array.from({ length }, (_, index) => `${alias === undefined ? '' : `${alias}.`}${prefix}_${index}`);
}
