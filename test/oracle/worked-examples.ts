import type { InitialRow, OracleRecord, OracleRules, Text } from './summary-oracle.ts';

/** One history column `balance`, a code for the grid, a scalar to see whose record a row shows. */
export const exampleRules: OracleRules = {
  historyLength: 36,
  history: [
    { name: 'balance', from: 'balance' },
    { name: 'rating', from: 'code' },
  ],
  grids: [{ name: 'rating_grid', from: 'rating', placeholder: '?', separator: '' }],
  deleteColumn: 'del_code',
  deleteCodes: ['1', '4'],
  onStale: 'ignore',
};

export const exampleKey = 'A-1';

/** `2026-01` to year * 12 + month. */
export function monthNumber(text: string): number {
  return Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7));
}

export function monthText(month: number): string {
  return `${String(Math.floor((month - 1) / 12)).padStart(4, '0')}-${String(((month - 1) % 12) + 1).padStart(2, '0')}`;
}

interface RecordOptions {
  readonly version?: number;
  readonly note?: string;
}

/** A normal record; `code` is always 0, so the grid shows which months are known. */
function normal(month: string, balance: number, options: RecordOptions = {}): OracleRecord {
  const { version = 2, note = 'new' } = options;
  const values = { balance: String(balance), code: '0', del_code: '0', note };
  return { key: exampleKey, month: monthNumber(month), version, ties: [], values };
}

function deletion(month: string, options: RecordOptions = {}): OracleRecord {
  const { version = 3, note = 'delete' } = options;
  return {
    key: exampleKey,
    month: monthNumber(month),
    version,
    ties: [],
    values: { balance: null, code: null, del_code: '4', note },
  };
}

/** A stored row; entries beyond the given ones are NULL. */
function stored(month: string, entries: readonly (number | null)[], deleted?: 'deleted'): InitialRow {
  const balance: Text[] = Array.from({ length: 36 }, (_, index) => entries[index]?.toString() ?? null);
  return {
    normal: normal(month, entries[0] ?? 0, { version: 1, note: 'old' }),
    deletion: deleted === undefined ? undefined : deletion(month, { version: 1.5 }),
    arrays: { balance, rating: balance.map((entry) => (entry === null ? null : '0')) },
  };
}

export interface ExpectedExampleRow {
  readonly month: string;
  /** Trailing NULLs cut. */
  readonly balance: readonly (number | null)[];
  readonly deleted?: boolean;
  /** `old`: the stored record's scalars stand. */
  readonly note?: string;
  readonly grid?: string;
}

export interface WorkedExample {
  readonly name: string;
  readonly initial: readonly InitialRow[];
  /** One list per run. */
  readonly batches: readonly (readonly OracleRecord[])[];
  /** Every row of the key, oldest first. */
  readonly rows: readonly ExpectedExampleRow[];
  /** Month of the key's row in `latest`. */
  readonly latest: string | undefined;
  readonly tombstones?: readonly string[];
}

const _ = null;

export const workedExamples: readonly WorkedExample[] = [
  {
    name: 'the first month of a new key',
    initial: [],
    batches: [[normal('2026-01', 3000)]],
    rows: [{ month: '2026-01', balance: [3000], grid: `0${'?'.repeat(35)}` }],
    latest: '2026-01',
  },
  {
    name: 'a forward month shifts the newest array',
    initial: [stored('2026-01', [5000, 4900])],
    batches: [[normal('2026-02', 5100)]],
    rows: [
      { month: '2026-01', balance: [5000, 4900], note: 'old' },
      { month: '2026-02', balance: [5100, 5000, 4900] },
    ],
    latest: '2026-02',
  },
  {
    name: 'a newer record brings a deleted month back, as one row',
    initial: [stored('2026-01', [5000]), stored('2026-02', [5100, 5000], 'deleted')],
    batches: [[normal('2026-02', 5150)]],
    rows: [
      { month: '2026-01', balance: [5000], note: 'old' },
      { month: '2026-02', balance: [5150, 5000], note: 'new', deleted: false },
    ],
    latest: '2026-02',
  },
  {
    name: 'forward months with a hole in one batch',
    initial: [stored('2026-01', [5000, 4900])],
    batches: [[normal('2026-02', 5100), normal('2026-03', 5200), normal('2026-06', 5300)]],
    rows: [
      { month: '2026-01', balance: [5000, 4900], note: 'old' },
      { month: '2026-02', balance: [5100, 5000, 4900] },
      { month: '2026-03', balance: [5200, 5100, 5000, 4900] },
      { month: '2026-06', balance: [5300, _, _, 5200, 5100, 5000, 4900], grid: `0??0000${'?'.repeat(29)}` },
    ],
    latest: '2026-06',
  },
  {
    name: 'a late month gets its own row and patches the later one',
    initial: [stored('2025-06', [1000]), stored('2026-01', [2000, _, _, _, _, _, _, 1000])],
    batches: [[normal('2025-09', 1500)]],
    rows: [
      { month: '2025-06', balance: [1000], note: 'old' },
      { month: '2025-09', balance: [1500, _, _, 1000] },
      { month: '2026-01', balance: [2000, _, _, _, 1500, _, _, 1000], note: 'old' },
    ],
    latest: '2026-01',
  },
  {
    name: 'a correction replaces its row and only the position of later rows',
    initial: [
      stored('2025-11', [1100]),
      stored('2025-12', [1200, 1100]),
      stored('2026-01', [1300, 1200, 1100]),
    ],
    batches: [[normal('2025-12', 1999)]],
    rows: [
      { month: '2025-11', balance: [1100], note: 'old' },
      { month: '2025-12', balance: [1999, 1100], note: 'new' },
      { month: '2026-01', balance: [1300, 1999, 1100], note: 'old' },
    ],
    latest: '2026-01',
  },
  {
    name: 'the month 35 back is the last position, the month 36 back only gets its own row',
    initial: [stored('2026-01', [2000])],
    batches: [[normal('2023-02', 35), normal('2023-01', 7)]],
    rows: [
      { month: '2023-01', balance: [7] },
      { month: '2023-02', balance: [35, 7] },
      { month: '2026-01', balance: [2000, ...Array.from({ length: 34 }, () => _), 35], note: 'old' },
    ],
    latest: '2026-01',
  },
  {
    name: 'several first months of a new key in one batch',
    initial: [],
    batches: [[normal('2025-12', 7000), normal('2026-01', 6800)]],
    rows: [
      { month: '2025-12', balance: [7000] },
      { month: '2026-01', balance: [6800, 7000] },
    ],
    latest: '2026-01',
  },
  {
    name: 'a delete flags its row and clears the position of later rows',
    initial: [
      stored('2025-12', [5000]),
      stored('2026-01', [5200, 5000]),
      stored('2026-02', [5400, 5200, 5000]),
    ],
    batches: [[deletion('2026-01')]],
    rows: [
      { month: '2025-12', balance: [5000], note: 'old' },
      { month: '2026-01', balance: [5200, 5000], deleted: true, note: 'old' },
      { month: '2026-02', balance: [5400, _, 5000], note: 'old', grid: `0?0${'?'.repeat(33)}` },
    ],
    latest: '2026-02',
  },
  {
    name: 'a delete and a correction of one key in one batch both hold',
    initial: [
      stored('2025-10', [1000]),
      stored('2025-11', [1100, 1000]),
      stored('2025-12', [1200, 1100, 1000]),
      stored('2026-01', [1300, 1200, 1100, 1000]),
    ],
    batches: [[deletion('2025-11'), normal('2025-12', 1299)]],
    rows: [
      { month: '2025-10', balance: [1000], note: 'old' },
      { month: '2025-11', balance: [1100, 1000], deleted: true, note: 'old' },
      { month: '2025-12', balance: [1299, _, 1000], note: 'new' },
      { month: '2026-01', balance: [1300, 1299, _, 1000], note: 'old' },
    ],
    latest: '2026-01',
  },
  {
    name: 'a correction patches a flagged row, which stays flagged',
    initial: [stored('2025-11', [1100]), stored('2025-12', [1200, 1100], 'deleted')],
    batches: [[normal('2025-11', 1111)]],
    rows: [
      { month: '2025-11', balance: [1111], note: 'new' },
      { month: '2025-12', balance: [1200, 1111], deleted: true, note: 'old' },
    ],
    latest: '2025-11',
  },
  {
    name: 'an own row inserted in the past takes its tail from the nearest earlier row',
    initial: [stored('2022-12', [5]), stored('2025-12', [9])],
    batches: [[normal('2025-11', 8)]],
    rows: [
      { month: '2022-12', balance: [5], note: 'old' },
      { month: '2025-11', balance: [8, ...Array.from({ length: 34 }, () => _), 5] },
      { month: '2025-12', balance: [9, 8], note: 'old' },
    ],
    latest: '2025-12',
  },
  ...permutations([
    normal('2026-01', 1, { version: 10, note: 'T0' }),
    deletion('2026-01', { version: 12 }),
    normal('2026-01', 2, { version: 11, note: 'T1' }),
  ]).map(
    (batches): WorkedExample => ({
      name: `normal T0, delete T2, late normal T1: deleted in the order ${batches.map(orderName).join(', ')}`,
      initial: [],
      batches: batches.map((record) => [record]),
      rows: [{ month: '2026-01', balance: [2], deleted: true, note: 'T1' }],
      latest: '2026-01',
    }),
  ),
  {
    name: 'a new key whose first month is a delete still gets its other months',
    initial: [],
    batches: [[deletion('2025-12'), normal('2026-01', 10)]],
    rows: [{ month: '2026-01', balance: [10] }],
    latest: '2026-01',
    tombstones: ['2025-12'],
  },
  {
    name: 'when every month is deleted, latest is the newest deleted row',
    initial: [stored('2025-12', [1]), stored('2026-01', [2, 1])],
    batches: [[deletion('2026-01'), deletion('2025-12')]],
    rows: [
      { month: '2025-12', balance: [1], deleted: true },
      { month: '2026-01', balance: [2], deleted: true },
    ],
    latest: '2026-01',
  },
  {
    name: 'deleting the newest month moves latest to an earlier row',
    initial: [stored('2025-12', [1]), stored('2026-01', [2, 1])],
    batches: [[deletion('2026-01')]],
    rows: [
      { month: '2025-12', balance: [1] },
      { month: '2026-01', balance: [2, 1], deleted: true },
    ],
    latest: '2025-12',
  },
  {
    name: 'a gap of H or more keeps nothing',
    initial: [stored('2023-01', [1])],
    batches: [[normal('2026-01', 2)]],
    rows: [
      { month: '2023-01', balance: [1], note: 'old' },
      { month: '2026-01', balance: [2] },
    ],
    latest: '2026-01',
  },
  {
    name: 'a corrected row keeps history that only its own array knew',
    initial: [stored('2026-01', [3, 2, 1])],
    batches: [[normal('2026-01', 4)]],
    rows: [{ month: '2026-01', balance: [4, 2, 1], note: 'new' }],
    latest: '2026-01',
  },
];

function orderName(record: OracleRecord): string {
  return record.values.note === 'delete' ? 'T2' : String(record.values.note);
}

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}
