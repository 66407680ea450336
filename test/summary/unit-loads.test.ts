import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addVolumes } from '../../lib/engine/engine-model.ts';
import { needsOf, sparkLoadOf } from '../../lib/run/engines/unit-load.ts';
import { applyLoad, resolveLoad } from '../../lib/summary/plan/unit-loads.ts';
import type { ApplyGroup, FileSpec } from '../../lib/summary/types.ts';
import { smallPipeline } from '../run/fixture.ts';
import { parseSummary } from '../support/pipelines.ts';

const config = await parseSummary(smallPipeline, 'p.yaml');
/** 36 entries of the array, and five columns. */
const entries = 41;

const file = (rows: number, month: number): FileSpec => ({
  location: `file:///${month}`,
  specId: 0,
  partition: [],
  month,
  rows,
  sizeBytes: rows * 100,
  deletes: [],
});
const group = (month: number, rows: number, expectedRows: number, mode: ApplyGroup['mode']): ApplyGroup => ({
  bucket: 0,
  month,
  mode,
  reason: '',
  files: [file(rows, month)],
  expectedRows,
});
const groups = fc.array(
  fc
    .record({ rows: fc.integer({ min: 1, max: 1e6 }), share: fc.double({ min: 0, max: 1, noNaN: true }) })
    .chain(({ rows, share }) =>
      fc
        .constantFrom('copy-on-write' as const, 'merge-on-read' as const)
        .map((mode) => group(1, rows, Math.floor(rows * share), mode)),
    ),
  { minLength: 1, maxLength: 12 },
);

describe('what a unit is to the model', () => {
  it('is of apply what its cells are: rows read, rows written, the largest cell', () => {
    const load = applyLoad(config, {
      groups: [group(1, 1_000, 10, 'merge-on-read'), group(2, 500, 10, 'copy-on-write')],
    });
    expect(load).toMatchObject({
      bytes: 150_000,
      volume: { units: 1, pieces: 2, readEntries: 1_500 * entries, writtenEntries: 510 * entries },
      diskBytes: 150_000 + 1_000 + 50_000,
    });
    // Writing half the rows is more than reading the others.
    expect(load.piece.volume).toMatchObject({ pieces: 1, writtenEntries: 500 * entries });
  });

  it('adds up over the cells, and no cell is more than the unit', () => {
    fc.assert(
      fc.property(groups, (some) => {
        const whole = applyLoad(config, { groups: some });
        const parts = some.map((one) => applyLoad(config, { groups: [one] }));
        expect({ ...addVolumes(parts.map(({ volume }) => volume)), units: 1 }).toEqual(whole.volume);
        expect(whole.diskBytes).toBeCloseTo(
          parts.reduce((sum, { diskBytes }) => sum + diskBytes, 0),
          1,
        );
        for (const part of parts)
          expect(sparkLoadOf(part).coreSeconds).toBeLessThanOrEqual(sparkLoadOf(whole).coreSeconds + 1e-9);
        expect(needsOf(whole).memoryBytes).toBeLessThanOrEqual(
          Math.max(...parts.map((part) => needsOf(part).memoryBytes)) + 1e-6,
        );
      }),
    );
  });

  it('is of resolve its records and the rows of latest, copied ones as written', () => {
    const months = [
      [24_313, 30, 0],
      [24_314, 20, 5],
    ] as const;
    const spec = { months, summary: [file(100, 24_313), file(100, 24_000)], tombstones: [] };
    const marked = resolveLoad(config, { ...spec, latest: [file(1_000, 0)] });
    expect(marked.volume).toEqual({
      units: 1,
      pieces: 2,
      readEntries: 1_000 * entries + (100 + 50) * 8,
      writtenEntries: 50 * entries,
    });
    const copied = resolveLoad(config, { ...spec, latest: [file(60, 0)] });
    expect(copied.volume.writtenEntries).toBe((50 + 60) * entries);
  });

  it('of a first load is cut by its keys, so that its memory and its time are those of a slice', () => {
    const load = (records: number) =>
      resolveLoad(config, { months: [[24_313, records, 0]], summary: [], latest: [], tombstones: [] });
    const [one, many] = [load(100_000), load(10_000_000)];
    expect(needsOf(many).memoryBytes).toBeCloseTo(needsOf(one).memoryBytes, 0);
    expect(many.volume.writtenEntries).toBe(100 * one.volume.writtenEntries);
    expect(many.piece.name).toBe('a slice of a bucket');
  });
});
