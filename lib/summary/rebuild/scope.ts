import type { SummaryConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import { bucketOf } from '../../iceberg/index.ts';
import { summaryShape } from '../tables/columns.ts';
import type { RebuildScope } from '../tasks/tasks.ts';
import type { RowScope } from './compute.ts';

/** Beyond every month that a table can hold. */
const anyMonth = { first: 0, last: 120_000 };

/** The rows of a rebuild: those of the keys, in the months and the H - 1 after the last, in which the months' values stand too. */
export function rowScope(config: SummaryConfig, { keys, months }: RebuildScope): RowScope {
  if (months === undefined) return { keys, ...anyMonth };
  return { keys, first: months.first, last: months.last + config.historyLength - 1 };
}

/** Buckets in which the scope's rows lie, ascending. @throws UsageError for a key that the key column cannot hold */
export function bucketsOfScope(
  config: SummaryConfig,
  { keys }: RebuildScope,
  count: number,
): readonly number[] {
  if (keys === undefined) return Array.from({ length: count }, (_, bucket) => bucket);
  const { key } = summaryShape(config);
  const type = key.icebergType;
  const buckets = keys.map((text) => {
    if (type !== 'string' && !isWhole(text, type === 'int' ? 32 : 64))
      throw new UsageError(`the key ${text} is no value of ${config.key}, which is ${key.sqlType}`, {
        safe: 'nothing was changed',
      });
    return bucketOf(count, type, type === 'string' ? text : BigInt(text)) ?? 0;
  });
  return [...new Set(buckets)].sort((a, b) => a - b);
}

function isWhole(text: string, bits: number): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(bits, BigInt(text)) === BigInt(text);
}
