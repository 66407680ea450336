import type { SummaryConfig } from '../../config/schema.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { identifier } from '../../engine/sql.ts';
import { UsageError } from '../../errors.ts';
import { monthText } from '../sql/months.ts';
import { summaryShape } from '../tables/columns.ts';
import type { RebuildScope } from '../tasks/tasks.ts';
import type { RowScope } from './compute.ts';
import { rowScope } from './scope.ts';

/** Named keys that have no row, and the first of them. */
export interface MissingKeys {
  readonly keys: number;
  readonly some: readonly string[];
}

/** A run's record and a message hold no more of them. */
const shownKeys = 10;

/** Keys with rows in the months of the scope, as text. Needs `pw_gathered` of the scope's keys. */
export async function keysWithRows(
  session: EngineSession,
  { first, last }: RowScope,
): Promise<readonly string[]> {
  const rows = await session.query(
    `SELECT DISTINCT pw_key::VARCHAR AS key FROM pw_gathered WHERE pw_month BETWEEN ${first} AND ${last}`,
  );
  return rows.map((row) => String(row['key']));
}

/** The named keys that are not among those found, as they were named. */
export function missingKeys(
  config: SummaryConfig,
  { keys = [] }: RebuildScope,
  found: Iterable<string>,
): MissingKeys {
  const isText = summaryShape(config).key.icebergType === 'string';
  const known = new Set(found);
  const missing = keys.filter((key) => !known.has(isText ? key : String(BigInt(key))));
  return { keys: missing.length, some: missing.slice(0, shownKeys) };
}

/** Of a rebuild that names no stored row, with what to type to see those that there are. */
export function namesNoRows(config: SummaryConfig, scope: RebuildScope): UsageError {
  const { keys, months } = scope;
  const { first, last } = rowScope(config, scope);
  const during =
    months === undefined
      ? ''
      : ` whose arrays hold ${monthSpan(months)}, which are those of ${monthSpan({ first, last })}`;
  const named = { keys: keys?.length ?? 0, some: keys?.slice(0, shownKeys) ?? [] };
  const of = named.keys === 0 ? '' : ` of ${named.keys === 1 ? 'key' : 'the keys'} ${keyList(named)}`;
  const [key, month] = [identifier(config.key), identifier(config.month)];
  return new UsageError(`summary has no row${of}${during}`, {
    safe: 'nothing was changed',
    next: `partwise sql 'SELECT min(${key}), max(${key}), min(${month}), max(${month}) FROM summary'`,
  });
}

function monthSpan({ first, last }: { readonly first: number; readonly last: number }): string {
  return first === last ? monthText(first) : `${monthText(first)} to ${monthText(last)}`;
}

/** @example keyList({ keys: 3, some: ['1', '2'] }) // '1, 2 and 1 more' */
export function keyList({ keys, some }: MissingKeys): string {
  return `${some.join(', ')}${keys > some.length ? ` and ${keys - some.length} more` : ''}`;
}
