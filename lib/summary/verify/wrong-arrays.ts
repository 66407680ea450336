import { monthNumber } from '../audit/sql.ts';
import type { BucketTables } from './bucket.ts';

/** Where arrays are wrong, for what mends them. */
export interface WrongArrays {
  readonly keys: number;
  /** The first of them, as text. */
  readonly some: readonly string[];
  /** `YYYY-MM` of the first and the last row that is one of a pair that disagrees, or wrong by itself. */
  readonly first: string;
  readonly last: string;
}

/** Keys that are named at most; more are mended by their months. */
const namedKeys = 5;

/** Neighbouring rows of a key whose arrays disagree: (k, m, earlier, d). Needs `facts`. */
export const brokenPairs = `SELECT t.k, t.m, s.m AS earlier, t.d FROM facts AS t JOIN facts AS s
    ON s.k = t.k AND s.e = t.d AND ${monthNumber('s.m')} + t.d = ${monthNumber('t.m')}
    WHERE t.d > 0 AND t.tail <> s.head`;

/** Needs `facts`, after the checks on arrays. */
export async function noteWrongArrays({ session, onWrongArrays }: BucketTables): Promise<void> {
  if (onWrongArrays === undefined) return;
  await session.execute(`CREATE OR REPLACE TEMP TABLE wrong_arrays AS
    SELECT k, unnest([m, earlier]) AS m FROM (${brokenPairs})
    UNION ALL SELECT k, m FROM facts WHERE bad_length OR bad_first OR bad_grid`);
  const [row] = await session.query(
    'SELECT count(DISTINCT k) AS keys, min(m) AS first, max(m) AS last FROM wrong_arrays',
  );
  const keys = Number(row?.['keys'] ?? 0);
  if (keys === 0) return;
  const some = await session.query(
    `SELECT DISTINCT k::VARCHAR AS k FROM wrong_arrays ORDER BY ALL LIMIT ${namedKeys}`,
  );
  onWrongArrays({
    keys,
    some: some.map((one) => String(one['k'])),
    first: String(row?.['first']),
    last: String(row?.['last']),
  });
}

/** With those of another bucket, whose keys are not the same ones. */
export function withBucket(before: WrongArrays | undefined, more: WrongArrays): WrongArrays {
  if (before === undefined) return more;
  return {
    keys: before.keys + more.keys,
    some: [...before.some, ...more.some].sort().slice(0, namedKeys),
    first: more.first < before.first ? more.first : before.first,
    last: more.last > before.last ? more.last : before.last,
  };
}
