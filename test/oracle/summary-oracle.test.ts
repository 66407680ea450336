import { describe, expect, it } from 'vitest';
import { compareOrder, type OracleRecord, rebuild } from './summary-oracle.ts';
import { exampleKey, exampleRules, monthText, workedExamples } from './worked-examples.ts';

describe('the oracle on the worked examples', () => {
  for (const example of workedExamples) {
    it(example.name, () => {
      const tables = rebuild(exampleRules, example.initial, example.batches);
      expect(tables.summary.map((row) => monthText(row.month))).toEqual(example.rows.map((row) => row.month));
      for (const [index, expected] of example.rows.entries()) {
        const row = tables.summary[index];
        expect(row?.arrays.balance).toHaveLength(36);
        expect(cutNulls(row?.arrays.balance)).toEqual(
          expected.balance.map((entry) => entry?.toString() ?? null),
        );
        expect(row?.alive).toBe(expected.deleted !== true);
        expect(row?.values.del_code).toBe(expected.deleted === true ? '4' : '0');
        if (expected.note !== undefined) expect(row?.values.note).toBe(expected.note);
        if (expected.grid !== undefined) expect(row?.grids.rating_grid).toBe(expected.grid);
      }
      expect(tables.latest.map((row) => [row.key, monthText(row.month)])).toEqual(
        example.latest === undefined ? [] : [[exampleKey, example.latest]],
      );
      expect(tables.tombstones.map((one) => monthText(one.month))).toEqual(example.tombstones ?? []);
    });
  }
});

describe('the order of records', () => {
  const record = (version: number, ...ties: OracleRecord['ties']): OracleRecord => ({
    key: 'k',
    month: 1,
    version,
    ties,
    values: {},
  });

  it('goes by version, then by each tie-break, where NULL is the oldest', () => {
    const ascending = [
      record(1, null, 'b'),
      record(1, 0, null),
      record(1, 0, 'a'),
      record(1, 0, 'b'),
      record(1, 7, null),
      record(2, null, null),
    ];
    for (const [index, later] of ascending.slice(1).entries()) {
      expect(compareOrder(ascending[index] ?? later, later)).toBeLessThan(0);
      expect(compareOrder(later, ascending[index] ?? later)).toBeGreaterThan(0);
    }
  });

  it('of a normal record and a delete that tie leaves the month alive', () => {
    const normal: OracleRecord = { ...record(5), values: { balance: '1', code: '0', del_code: null } };
    const deletion: OracleRecord = { ...record(5), values: { balance: null, code: null, del_code: '1' } };
    for (const batches of [[[normal, deletion]], [[deletion], [normal]], [[normal], [deletion]]]) {
      expect(rebuild(exampleRules, [], batches).summary.map((row) => row.alive)).toEqual([true]);
    }
  });
});

describe('stale records', () => {
  const older: OracleRecord = {
    key: 'k',
    month: 1,
    version: 1,
    ties: [],
    values: { balance: '1', code: '0', del_code: null },
  };
  const newer: OracleRecord = { ...older, version: 2, values: { ...older.values, balance: '2' } };

  it('change nothing', () => {
    expect(rebuild(exampleRules, [], [[newer], [older]]).summary[0]?.values.balance).toBe('2');
  });

  it('win with onStale: apply when they come in a later batch, not in the same one', () => {
    const rules = { ...exampleRules, onStale: 'apply' } as const;
    expect(rebuild(rules, [], [[newer], [older]]).summary[0]?.values.balance).toBe('1');
    expect(rebuild(rules, [], [[newer, older]]).summary[0]?.values.balance).toBe('2');
  });
});

function cutNulls<T>(entries: readonly (T | null)[] = []): readonly (T | null)[] {
  return entries.slice(0, entries.findLastIndex((entry) => entry !== null) + 1);
}
