import { describe, expect, it } from 'vitest';
import { packGroups, planGroups } from '../../lib/summary/plan/groups.ts';
import { monthNumber, monthText } from '../../lib/summary/sql/months.ts';
import { chooseBuckets } from '../../lib/summary/tables/buckets.ts';
import type { FileSpec } from '../../lib/summary/types.ts';
import { parseSummary } from '../support/pipelines.ts';

const config = await parseSummary(
  `
pipeline: plans
kind: summary
columns:
  - { name: acct, type: bigint }
  - { name: month, type: month }
  - { name: base_ts, type: timestamp }
  - { name: balance, type: int }
key: acct
month: month
version: base_ts
history: [{ name: balance }]
historyLength: 3
`,
  'plans.yaml',
);

const file = (month: string, changes: Partial<FileSpec> = {}): FileSpec => ({
  location: `file:///w/${month}-${changes.rows ?? 0}.parquet`,
  specId: 0,
  partition: [month, 0],
  month: monthNumber(month),
  rows: 1_000,
  sizeBytes: 100_000_000,
  deletes: [],
  ...changes,
});
const months = (month: string, rows: number) => [[monthNumber(month), rows, 0]] as const;

describe('the files that a run rewrites', () => {
  it('are those of a record’s month and the H - 1 months after it', () => {
    const summary = ['2025-10', '2025-11', '2025-12', '2026-01', '2026-02'].map((month) => file(month));
    const groups = planGroups(config, { bucket: 0, months: months('2025-11', 10), summary });
    expect(groups.map((group) => monthText(group.month))).toEqual(['2025-11', '2025-12', '2026-01']);
  });
  it('are merged on read while little of them dies, counting what is dead already', () => {
    const dead = { location: 'file:///w/d.parquet', specId: 0, partition: ['2026-01', 0], rows: 250 };
    const plan = (deletes: FileSpec['deletes']) =>
      planGroups(config, {
        bucket: 0,
        months: months('2026-01', 100),
        summary: [file('2026-01', { deletes })],
      });
    expect(plan([])[0]?.mode).toBe('merge-on-read');
    expect(plan([dead])[0]?.mode).toBe('copy-on-write');
  });
  it('are folded together when a cell has many small ones', () => {
    const summary = Array.from({ length: 8 }, (_, index) =>
      file('2026-01', { rows: index + 1, sizeBytes: 1_000 }),
    );
    const groups = planGroups(config, { bucket: 0, months: months('2026-01', 1), summary });
    expect(groups.map((group) => [group.mode, group.files.length])).toEqual([['copy-on-write', 8]]);
  });
  it('are rewritten together when one delete file covers several', () => {
    const shared = { location: 'file:///w/d.parquet', specId: 0, partition: ['2026-01', 0], rows: 1 };
    const summary = [file('2026-01', { rows: 5, deletes: [shared] }), file('2026-01', { deletes: [shared] })];
    const groups = planGroups(config, { bucket: 0, months: months('2026-01', 1), summary });
    expect(groups.map((group) => group.files.length)).toEqual([2]);
  });
  it('are packed into units in order, each file in one of them', () => {
    const summary = ['2025-11', '2025-12', '2026-01'].map((month) => file(month));
    const groups = planGroups(config, { bucket: 0, months: months('2025-11', 10), summary });
    expect(packGroups(groups, 150e6).map((unit) => unit.length)).toEqual([1, 1, 1]);
    expect(packGroups(groups, 250e6).map((unit) => unit.length)).toEqual([2, 1]);
  });
});

describe('the number of buckets', () => {
  it('is 1 for a small table and grows with the expected rows', () => {
    expect(chooseBuckets({ config, sourceBytes: 1_000 })).toBe(1);
    const many = { ...config, tables: { ...config.tables, expectedKeys: 100_000_000 } };
    expect(chooseBuckets({ config: many, sourceBytes: 1_000 })).toBeGreaterThan(5);
  });
});
