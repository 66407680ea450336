import { expect, test } from 'vitest';
import type { OrderTuple } from '../../lib/summary/verify/order.ts';
import { compareTuples, compareValues } from '../../lib/summary/verify/order.ts';
import { recompute } from '../../lib/summary/verify/recompute.ts';
import type { Deletion, SourceRecord, StoredMonth } from '../../lib/summary/verify/registers.ts';

const rules = {
  historyLength: 12,
  arrays: [{ column: 'balance_history', from: 'balance' }],
  grids: [{ column: 'balance_grid', array: 'balance_history', placeholder: '?', separator: ',' }],
  deleteColumn: 'code',
  onStale: 'ignore' as const,
};

const month = (text: string) => Number(text.slice(0, 4)) * 12 + Number(text.slice(5)) - 1;
const tuple = (version: number): OrderTuple => ({ ranks: [version], hash: 'h' });

function row(at: string, values: readonly (number | null)[], version = 1, deletion?: Deletion): StoredMonth {
  return {
    month: month(at),
    tuple: tuple(version),
    deletion,
    scalars: { balance: values[0] ?? null, code: deletion?.code ?? null },
    arrays: { balance_history: Array.from({ length: 12 }, (_, index) => values[index] ?? null) },
  };
}
const record = (at: string, balance: number | null, version = 2): SourceRecord => ({
  month: month(at),
  tuple: tuple(version),
  deleteCode: undefined,
  scalars: { balance, code: null },
});
const deletion = (at: string, version = 2): SourceRecord => ({
  ...record(at, null, version),
  deleteCode: '1',
});

function after(
  stored: readonly StoredMonth[],
  records: readonly SourceRecord[],
  tombstones = new Map<number, Deletion>(),
) {
  const expected = recompute(rules, { stored, records, tombstones });
  return {
    ...expected,
    arrays: expected.rows.map((found) => {
      const list = [...(found.arrays['balance_history'] ?? [])];
      while (list.length > 1 && list.at(-1) === null) list.pop();
      return list;
    }),
  };
}

test('the months of a new key make its arrays, holes stay unknown', () => {
  expect(after([], [record('2026-01', 1), record('2026-03', 3)]).arrays).toEqual([[1], [3, null, 1]]);
});

test('a newer month shifts by the gap and a gap of H keeps nothing', () => {
  expect(after([row('2025-01', [5, 4])], [record('2025-03', 6), record('2026-03', 7)]).arrays).toEqual([
    [5, 4],
    [6, null, 5, 4],
    [7, ...Array(11).fill(null)].slice(0, 1),
  ]);
});

test('a late month takes what the nearest later row knew and enters every later row', () => {
  const stored = [row('2025-06', [1000]), row('2026-01', [2000, null, null, null, null, null, null, 1000])];
  expect(after(stored, [record('2025-09', 1500)]).arrays).toEqual([
    [1000],
    [1500, null, null, 1000],
    [2000, null, null, null, 1500, null, null, 1000],
  ]);
});

test('history that only the array of a corrected row knew is kept', () => {
  const result = after([row('2026-01', [5000, 4900])], [record('2026-01', 5001)]);
  expect(result.arrays).toEqual([[5001, 4900]]);
  expect(result.rows[0]?.scalars['balance']).toBe(5001);
});

test('a delete empties its position in later rows and keeps its own last value', () => {
  const result = after(
    [row('2025-12', [5000]), row('2026-01', [5200, 5000]), row('2026-02', [5400, 5200, 5000])],
    [deletion('2026-01')],
  );
  expect(result.arrays).toEqual([[5000], [5200, 5000], [5400, null, 5000]]);
  expect(result.rows.map((found) => [found.scalars['code'], found.changed])).toEqual([
    [null, false],
    ['1', true],
    [null, true],
  ]);
});

test('latest is the newest alive row, and the newest deleted one when none is alive', () => {
  const stored = [row('2025-12', [1]), row('2026-01', [2, 1])];
  expect(after(stored, [deletion('2026-01')]).latest?.month).toBe(month('2025-12'));
  expect(after(stored, [deletion('2026-01'), deletion('2025-12')]).latest?.month).toBe(month('2026-01'));
});

test('the three of a normal, a newer delete and a late normal in between end deleted, in any order', () => {
  const three = [record('2026-01', 1, 1), deletion('2026-01', 3), record('2026-01', 2, 2)];
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]) {
    const result = after(
      [],
      order.flatMap((index) => three[index] ?? []),
    );
    expect(
      result.rows.map((found) => [found.alive, found.scalars['balance'], found.scalars['code']]),
    ).toEqual([[false, 2, '1']]);
  }
});

test('a newer normal record brings a deleted month back in one row', () => {
  const stored = [row('2026-01', [1]), row('2026-02', [2, 1], 1, { tuple: tuple(2), code: '4' })];
  const result = after(stored, [record('2026-02', 9, 3)]);
  expect(result.arrays).toEqual([[1], [9, 1]]);
  expect(result.rows[1]?.alive).toBe(true);
});

test('a tie of a normal record and a delete leaves the month alive', () => {
  expect(after([], [record('2026-01', 1, 5), deletion('2026-01', 5)]).rows[0]?.alive).toBe(true);
});

test('a delete of a month that is not stored waits as a tombstone and decides when the month comes', () => {
  const first = after([], [deletion('2026-01', 5)]);
  expect(first.rows).toEqual([]);
  expect([...first.tombstones.keys()]).toEqual([month('2026-01')]);
  const second = after([], [record('2026-01', 1, 4)], new Map(first.tombstones));
  expect(second.rows.map((found) => found.alive)).toEqual([false]);
  expect(second.tombstones.size).toBe(0);
});

test('a stale record changes nothing unless the pipeline says so', () => {
  const stored = [row('2026-01', [7], 5)];
  expect(after(stored, [record('2026-01', 1, 4)]).rows.map((found) => found.changed)).toEqual([false]);
  const applied = recompute(
    { ...rules, onStale: 'apply' },
    { stored, records: [record('2026-01', 1, 4)], tombstones: new Map() },
  );
  expect(applied.rows[0]?.scalars['balance']).toBe(1);
});

test('a NULL in a newer record is a value and overwrites', () => {
  expect(after([row('2025-12', [1]), row('2026-01', [2, 1])], [record('2025-12', null)]).arrays).toEqual([
    [null],
    [2],
  ]);
});

test('grids hold all entries with the placeholder for NULL', () => {
  expect(after([], [record('2026-01', 3), record('2026-03', 4)]).rows[1]?.grids['balance_grid']).toBe(
    '4,?,3,?,?,?,?,?,?,?,?,?',
  );
});

test('tuples order by version, then tie-breaks with NULL oldest, then the hash', () => {
  const order = (a: readonly unknown[], b: readonly unknown[]) =>
    compareTuples({ ranks: a, hash: 'x' }, { ranks: b, hash: 'x' });
  expect(order([2n, null], [1n, 'z'])).toBeGreaterThan(0);
  expect(order([1n, null], [1n, 'a'])).toBeLessThan(0);
  expect(compareTuples({ ranks: [1], hash: 'a' }, { ranks: [1], hash: 'b' })).toBeLessThan(0);
  expect(compareValues('\u{1F600}', '\uFFFD')).toBeGreaterThan(0);
});
