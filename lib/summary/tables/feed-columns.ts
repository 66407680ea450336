import type { ColumnType } from '../../config/schema.ts';
import type { ScalarColumn } from './columns.ts';

/** What the tables of a pipeline with a deletions feed keep besides. Tables of other pipelines have none of it. */
export interface FeedShape {
  /** Date column of the records that the feed may override. */
  readonly date: ScalarColumn;
  /** Delete column, which it may override too. */
  readonly code: ScalarColumn;
  /** The feed's register: the newest feed record of the month. In the summary and in the tombstones. */
  readonly register: readonly ScalarColumn[];
  /** What the two columns would show without the feed. In the summary. */
  readonly source: readonly ScalarColumn[];
}

/** Names of these system columns. `deleted` is NULL when the month has no feed record. */
export const feedNames = {
  recordDate: 'pw_rec_date',
  recordCode: 'pw_rec_code',
  deleteCode: 'pw_del_code',
  version: 'pw_fed_version',
  hash: 'pw_fed_hash',
  deleted: 'pw_fed_deleted',
  date: 'pw_fed_date',
  code: 'pw_fed_code',
} as const;

interface FeedOptions {
  readonly date: ScalarColumn;
  readonly code: ScalarColumn;
  readonly version: ScalarColumn;
  readonly scalar: (name: string, type: ColumnType) => ScalarColumn;
}

export function feedShape({ date, code, version, scalar }: FeedOptions): FeedShape {
  return {
    date,
    code,
    register: [
      { ...version, name: feedNames.version },
      scalar(feedNames.hash, 'bigint'),
      scalar(feedNames.deleted, 'boolean'),
      { ...date, name: feedNames.date },
      { ...code, name: feedNames.code },
    ],
    source: [
      { ...date, name: feedNames.recordDate },
      { ...code, name: feedNames.recordCode },
      scalar(feedNames.deleteCode, 'string'),
    ],
  };
}
