/** Quoting: the one place where a name or a value becomes SQL text. */

/** @example identifier('a"b') // "a""b" */
export function identifier(name: string): string {
  if (name.includes('\0')) throw new TypeError('an identifier cannot hold NUL');
  return `"${name.replaceAll('"', '""')}"`;
}

/** @example text("it's") // 'it''s' */
export function text(value: string): string {
  if (value.includes('\0')) throw new TypeError('a SQL string cannot hold NUL');
  return `'${value.replaceAll("'", "''")}'`;
}

/** A `read_parquet` argument: one path or a list, glob characters taken literally by the caller's choice of names. */
export function textList(values: readonly string[]): string {
  return `[${values.map(text).join(', ')}]`;
}

/** @example sparkIdentifier('a`b') // `a``b` */
export function sparkIdentifier(name: string): string {
  if (name.includes('\0')) throw new TypeError('an identifier cannot hold NUL');
  // Spark's parser puts variables into names, too, and a name has no escape for `$`.
  if (name.includes('${')) throw new TypeError('an identifier for Spark cannot hold ${');
  return `\`${name.replaceAll('`', '``')}\``;
}

/**
 * Spark reads `''` as the end of one literal and the begin of the next, takes `\` for an escape, and puts variables in
 * for `${…}` before it parses.
 * @example sparkText("it's") // 'it\'s'
 */
export function sparkText(value: string): string {
  if (value.includes('\0')) throw new TypeError('a SQL string cannot hold NUL');
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('$', '\\u0024')}'`;
}
