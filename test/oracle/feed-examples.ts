import type { OracleFeedRecord, OracleRecord, OracleRules, Text } from './summary-oracle.ts';
import { exampleKey, monthNumber } from './worked-examples.ts';

/** Worked examples of the deletions feed, which overrides the date `closed` and the delete code of the same month. */
export const feedExampleRules: OracleRules = {
  historyLength: 4,
  history: [
    { name: 'balance', from: 'balance' },
    { name: 'closed', from: 'closed' },
  ],
  grids: [],
  deleteColumn: 'del_code',
  deleteCodes: ['1', '4'],
  overrides: 'closed',
  onStale: 'ignore',
};

export type FeedExampleEvent =
  | { readonly kind: 'record'; readonly record: OracleRecord }
  | { readonly kind: 'feed'; readonly record: OracleFeedRecord };

export interface FeedExample {
  readonly name: string;
  /** In any order, in one run or in several, they end in the same rows. */
  readonly events: readonly FeedExampleEvent[];
  /** Every row of the key, oldest first; trailing NULLs of `balance` cut. */
  readonly rows: readonly {
    readonly month: string;
    readonly closed: Text;
    readonly code: Text;
    readonly balance: readonly (number | null)[];
  }[];
  readonly latest?: string;
  readonly tombstones?: readonly string[];
}

function record(month: string, version: number, values: Readonly<Record<string, Text>>): FeedExampleEvent {
  const key = exampleKey;
  return { kind: 'record', record: { key, month: monthNumber(month), version, ties: [], values } };
}

const normal = (month: string, version: number, balance: number, closed: Text = null) =>
  record(month, version, { balance: String(balance), closed, del_code: '0' });
const deletion = (month: string, version: number) =>
  record(month, version, { balance: null, closed: '2026-09-09', del_code: '4' });
const feed = (date: string, version: number, code: Text): FeedExampleEvent => ({
  kind: 'feed',
  record: { key: exampleKey, version, date, code },
});

const _ = null;

export const feedExamples: readonly FeedExample[] = [
  {
    name: 'both deleted: no date, the code of the source',
    events: [normal('2026-01', 1, 100, '2026-01-15'), deletion('2026-01', 2), feed('2026-01-20', 1, '1')],
    rows: [{ month: '2026-01', closed: _, code: '4', balance: [100] }],
    latest: '2026-01',
  },
  {
    name: 'the source alive and the feed deleted: the source',
    events: [normal('2026-01', 1, 100, '2026-01-15'), feed('2026-01-20', 9, '4')],
    rows: [{ month: '2026-01', closed: '2026-01-15', code: '0', balance: [100] }],
    latest: '2026-01',
  },
  {
    name: 'both alive, the date of the source later: the source',
    events: [normal('2026-01', 1, 100, '2026-03-01'), feed('2026-01-20', 9, '7')],
    rows: [{ month: '2026-01', closed: '2026-03-01', code: '0', balance: [100] }],
    latest: '2026-01',
  },
  {
    name: 'the feed alive and the source deleted: the feed, and the month is alive',
    events: [
      normal('2026-01', 1, 100, '2026-03-01'),
      deletion('2026-01', 2),
      normal('2026-02', 1, 200),
      feed('2026-01-20', 1, '7'),
    ],
    rows: [
      { month: '2026-01', closed: '2026-01-20', code: '7', balance: [100] },
      { month: '2026-02', closed: _, code: '0', balance: [200, 100] },
    ],
    latest: '2026-02',
  },
  {
    name: 'both alive, the date of the feed later: the feed',
    events: [normal('2026-01', 9, 100, '2026-01-15'), feed('2026-01-20', 1, _)],
    rows: [{ month: '2026-01', closed: '2026-01-20', code: _, balance: [100] }],
    latest: '2026-01',
  },
  {
    name: 'both alive, the source without a date: the feed',
    events: [normal('2026-01', 9, 100, _), feed('2026-01-20', 1, '7')],
    rows: [{ month: '2026-01', closed: '2026-01-20', code: '7', balance: [100] }],
    latest: '2026-01',
  },
  {
    name: 'both alive, a tie of the dates: the source',
    events: [normal('2026-01', 1, 100, '2026-01-20'), feed('2026-01-20', 9, '7')],
    rows: [{ month: '2026-01', closed: '2026-01-20', code: '0', balance: [100] }],
    latest: '2026-01',
  },
  {
    name: 'a feed record of a month that is not stored waits for it',
    events: [feed('2026-01-20', 1, '7'), normal('2026-02', 1, 200)],
    rows: [{ month: '2026-02', closed: _, code: '0', balance: [200] }],
    latest: '2026-02',
    tombstones: ['2026-01'],
  },
  {
    name: 'a newer feed record that deletes takes back what an older one had brought back',
    events: [
      normal('2026-01', 1, 100, '2026-01-15'),
      normal('2026-02', 1, 200),
      deletion('2026-02', 2),
      feed('2026-02-10', 1, '7'),
      feed('2026-02-20', 2, '1'),
    ],
    rows: [
      { month: '2026-01', closed: '2026-01-15', code: '0', balance: [100] },
      { month: '2026-02', closed: _, code: '4', balance: [200, 100] },
    ],
    latest: '2026-01',
  },
  {
    name: 'the feed moves latest to the month that it brings back',
    events: [
      normal('2026-01', 1, 100),
      normal('2026-02', 1, 200),
      deletion('2026-02', 2),
      feed('2026-02-10', 1, '7'),
    ],
    rows: [
      { month: '2026-01', closed: _, code: '0', balance: [100] },
      { month: '2026-02', closed: '2026-02-10', code: '7', balance: [200, 100] },
    ],
    latest: '2026-02',
  },
  {
    name: 'a newer record is held against the feed by its own date, not by the one that was shown',
    events: [
      normal('2026-01', 1, 100, '2026-01-15'),
      feed('2026-01-20', 1, '7'),
      normal('2026-01', 2, 101, '2026-01-18'),
      feed('2026-01-10', 2, '8'),
    ],
    rows: [{ month: '2026-01', closed: '2026-01-18', code: '0', balance: [101] }],
    latest: '2026-01',
  },
  {
    name: 'a newer record makes a month alive again whose source and feed are deleted',
    events: [
      normal('2026-01', 1, 100, '2026-01-15'),
      deletion('2026-01', 2),
      feed('2026-01-20', 9, '4'),
      normal('2026-01', 3, 103, '2026-01-16'),
      normal('2026-02', 1, 200),
    ],
    rows: [
      { month: '2026-01', closed: '2026-01-16', code: '0', balance: [103] },
      { month: '2026-02', closed: _, code: '0', balance: [200, 103] },
    ],
    latest: '2026-02',
  },
  {
    name: 'an older feed record changes nothing',
    events: [
      normal('2026-01', 1, 100, '2026-01-15'),
      feed('2026-01-20', 5, '7'),
      feed('2026-01-25', 4, '8'),
      feed('2026-01-20', 5, '7'),
    ],
    rows: [{ month: '2026-01', closed: '2026-01-20', code: '7', balance: [100] }],
    latest: '2026-01',
  },
];
