/**
 * What differs between the SQL of the engines: a statement is written once, over these. Everything is SQL text in and
 * out; positions in lists start at 1. Types are Iceberg's names of primitive types (`long`, `decimal(10,2)`).
 *
 * What is the same in both is written as it stands: `IS [NOT] DISTINCT FROM`, `FILTER (WHERE …)`, `SEMI JOIN` and
 * `ANTI JOIN`, `bool_or`, `greatest` (which leaves NULLs aside), `CASE`, `WITH`, `UNION ALL`.
 */
export interface Dialect {
  readonly name: 'duckdb' | 'spark';
  identifier(name: string): string;
  /** A column of an alias, quoted. */
  column(alias: string, name: string): string;
  text(value: string): string;

  /** @throws UnsupportedFeatureError for a type that no table of ours has */
  type(type: string): string;
  cast(value: string, type: string): string;
  castList(value: string, element: string): string;

  /** The first 28 bits of a text's MD5, an `int`. */
  digestNumber(text: string): string;
  /** Of whole numbers, cut off towards zero. */
  quotient(dividend: string, divisor: string | number): string;
  /** A whole number as one of at least 38 digits, so that sums and differences of `long` fit. */
  wide(value: string): string;
  /** Aggregate: the exact sum of a `long`, wide. */
  wideSum(value: string): string;
  /** A `timestamp` from milliseconds since 1970. */
  timestampOf(ms: string): string;
  /** The first day of a timestamp's month, a `date`. */
  monthOf(timestamp: string): string;
  /** Aggregates: the value of the row in which `by` is least, or greatest; of several such rows of any. */
  minBy(value: string, by: string): string;
  maxBy(value: string, by: string): string;
  /** A struct; `r.f` is its field f. Structs are in the order of their fields. */
  record(fields: Readonly<Record<string, string>>): string;

  list(items: readonly string[]): string;
  /** The entry at a position; NULL outside of the list, and of NULL. */
  entry(list: string, position: string | number): string;
  /** Entries from one position to another, both included; cut at the list's end, empty when `to` comes before `from`. */
  slice(list: string, from: string | number, to: string | number): string;
  /** One after the other; NULL counts as empty. */
  concat(lists: readonly string[]): string;
  /** Exactly so many entries: cut, or filled up with NULL; NULL counts as empty. */
  resized(list: string, length: string | number, element: string): string;
  /** Position of the first entry that equals a value, which is not NULL; NULL when there is none. */
  position(list: string, value: string): string;
  /** Aggregate: all values, NULLs too. Lists of one GROUP BY have one order, which is any. */
  collected(value: string): string;
  /** A list with every entry replaced. @param body of the entry's name */
  mapped(list: string, body: (entry: string) => string): string;
  /** The same by entry and its position; `entry` and `at` are taken as names. */
  placed(list: string, body: (entry: string, at: string) => string): string;
  /** The entries that meet a condition. @param is of the entry's name */
  kept(list: string, is: (entry: string) => string): string;
  /** Whether an entry meets a condition, which is never NULL. */
  some(list: string, is: (entry: string) => string): string;
  /** A list with the entries at some positions replaced, one for each entry of another list, each position once. */
  replaced(list: string, over: string, by: Replacement): string;
  /** How many entries a list has, which is not NULL. */
  length(list: string): string;
  /** Whole numbers from one to another, both included, where `from` is not the greater one. */
  numbers(from: string | number, to: string | number): string;
  /** The greatest entry; NULL entries count for nothing. */
  largest(list: string): string;
  /** Ascending. Has no NULL in it. */
  sorted(list: string): string;
  /** List of constants of a numeric type, however many. */
  constants(values: readonly (bigint | number | null)[], type: string): string;
  /** Items of a SELECT that make a row of each entry, of lists of one length by the names of the columns. */
  unnested(lists: Readonly<Record<string, string>>): string;
  /** The texts of a list as one. Has no NULL in it. */
  joined(list: string, separator: string): string;

  /** Whole numbers in a text, by the conversions of printf. */
  printed(format: string, values: readonly string[]): string;

  /**
   * A `long` that rows share when they share every value, NULLs and their places in lists included; by a function of the
   * engine's own, so the numbers of two engines do not compare.
   */
  rowHash(values: readonly string[], lists: readonly string[]): string;
  /** Right behind SELECT: an alias of FROM has so few rows that each worker can have them all. Nothing where there is one worker. */
  few(alias: string): string;

  /** Statement that keeps the rows of a SELECT under a name for the rest of the session. */
  keep(name: string, select: string): string;
}

/** Of an entry of the list of replacements, by its name. */
export interface Replacement {
  /** A position within the list. */
  at(entry: string): string;
  value(entry: string): string;
}
