import { monthNumber, monthText, type RecordsOptions } from './records.ts';

export interface DemoSize {
  readonly accounts: number;
  /** Months of history before the drops, at least 12 so that every drop finds its month. */
  readonly months: number;
}

export interface DemoFile {
  /** Name below the drops folder; its ending is its format. */
  readonly name: string;
  readonly records: readonly RecordsOptions[];
  /** CSV lines put among the records as they are: what a broken feed delivers. */
  readonly badLines?: readonly string[];
  /** Cuts the file off, as an upload that broke. */
  readonly truncate?: boolean;
}

export interface DemoDrop {
  readonly title: string;
  readonly what: string;
  readonly files: readonly DemoFile[];
  /** The account whose arrays are shown before and after. */
  readonly sample: number;
}

/** The last month of the first load. */
const lastMonth = monthNumber(2025, 12);
const lateMonth = monthNumber(2025, 7);
const correctedMonths = [monthNumber(2025, 5), monthNumber(2025, 9)];
const deletedMonth = monthNumber(2025, 11);

/** Account 42 is in every drop but the first. */
const sampleAccount = 42;
/** Every 50th account lacks one month of the first load, every 100th is corrected, every 200th loses a month. */
const lateEvery = 50;
const correctedEvery = 100;
const deletedEvery = 200;

export function firstLoad(size: DemoSize): DemoDrop {
  const cells = `SELECT a, m FROM range(1, ${size.accounts + 1}) t(a), range(${lastMonth - size.months + 1}, ${lastMonth + 1}) u(m)
    WHERE NOT (m = ${lateMonth} AND a % ${lateEvery} = ${sampleAccount % lateEvery})`;
  return {
    title: 'first load',
    what: `${size.months} months of every account`,
    files: [{ name: '0-first-load.parquet', records: [{ cells, updatedAt: feedTime(0) }] }],
    sample: sampleAccount,
  };
}

/** The six drops, in order. */
export function drops(size: DemoSize): readonly DemoDrop[] {
  const { accounts } = size;
  const added = Math.max(1, Math.round(accounts / 40));
  const all = `range(1, ${accounts + added + 1})`;
  const existing = `range(1, ${accounts + 1})`;
  const every = (step: number) => `a % ${step} = ${sampleAccount % step}`;
  return [
    {
      title: 'new accounts',
      what: 'accounts that were never seen, with three months each (CSV)',
      files: [
        {
          name: '1-new-accounts.csv',
          records: [
            {
              cells: `SELECT a, m FROM range(${accounts + 1}, ${accounts + added + 1}) t(a), range(${lastMonth - 2}, ${lastMonth + 1}) u(m)`,
              updatedAt: feedTime(1),
            },
          ],
        },
      ],
      sample: accounts + 1,
    },
    {
      title: 'a forward month',
      what: `${monthText(lastMonth + 1)} of every account (Parquet)`,
      files: [
        {
          name: '2-forward-month.parquet',
          records: [
            { cells: `SELECT a, ${lastMonth + 1}::BIGINT AS m FROM ${all} t(a)`, updatedAt: feedTime(2) },
          ],
        },
      ],
      sample: sampleAccount,
    },
    {
      title: 'a late month',
      what: `${monthText(lateMonth)} of the accounts that lacked it (Parquet)`,
      files: [
        {
          name: '3-late-month.parquet',
          records: [
            {
              cells: `SELECT a, ${lateMonth}::BIGINT AS m FROM ${existing} t(a) WHERE ${every(lateEvery)}`,
              updatedAt: feedTime(3),
            },
          ],
        },
      ],
      sample: sampleAccount,
    },
    {
      title: 'corrections',
      what: `new versions of ${correctedMonths.map(monthText).join(' and ')}, and old versions that must change nothing (CSV.gz)`,
      files: [
        {
          name: '4-corrections.csv.gz',
          records: [
            {
              cells: `SELECT a, m FROM ${existing} t(a), (VALUES ${correctedMonths.map((m) => `(${m}::BIGINT)`).join(', ')}) u(m) WHERE ${every(correctedEvery)}`,
              updatedAt: feedTime(4),
              correction: '10000 - (1000 + mix(a, 0, 1) % 8000)',
            },
            {
              cells: `SELECT a, ${lastMonth}::BIGINT AS m FROM ${existing} t(a) WHERE ${every(correctedEvery)}`,
              updatedAt: `TIMESTAMP '2020-01-01 00:00:00'`,
              correction: '99999',
            },
          ],
        },
      ],
      sample: sampleAccount,
    },
    {
      title: 'deletes',
      what: `${monthText(deletedMonth)} of some accounts, and every month of account 77 (JSON lines)`,
      files: [
        {
          name: '5-deletes.jsonl',
          records: [
            {
              cells: `SELECT a, ${deletedMonth}::BIGINT AS m FROM ${existing} t(a) WHERE ${every(deletedEvery)}
                UNION ALL SELECT 77::BIGINT AS a, m FROM range(${lastMonth - size.months + 1}, ${lastMonth + 2}) u(m)`,
              updatedAt: feedTime(5),
              deleteCode: '1',
            },
          ],
        },
      ],
      sample: sampleAccount,
    },
    {
      title: 'bad rows',
      what: `${monthText(lastMonth + 2)} of a few accounts with broken rows among them (CSV), and a file that breaks off (Parquet)`,
      files: [
        {
          name: '6-bad-rows.csv',
          records: [
            {
              cells: `SELECT a, ${lastMonth + 2}::BIGINT AS m FROM ${existing} t(a) WHERE a <= 300`,
              updatedAt: feedTime(6),
            },
          ],
          badLines: [
            ',2026-02,2026-03-02 00:00:00,card,100,5000,10,0,0,0,',
            '301,2026-13,2026-03-02 00:00:00,card,100,5000,10,0,0,0,',
            '302,soon,2026-03-02 00:00:00,card,100,5000,10,0,0,0,',
            '303,2026-02,,card,100,5000,10,0,0,0,',
            '304,2026-02,2026-03-02 00:00:00,card,a lot,5000,10,0,0,0,',
            '305,2026-02,2026-03-02 00:00:00,card,100,5000,10,0,0.5,0,',
          ],
        },
        {
          name: '6-breaks-off.parquet',
          records: [
            {
              cells: `SELECT a, ${lastMonth + 2}::BIGINT AS m FROM ${existing} t(a) WHERE a > 300`,
              updatedAt: feedTime(6),
            },
          ],
          truncate: true,
        },
      ],
      sample: sampleAccount,
    },
  ];
}

/** Each drop's version is later than the one before. */
function feedTime(drop: number): string {
  return `TIMESTAMP '2026-${String(drop + 1).padStart(2, '0')}-02 00:00:00'`;
}
