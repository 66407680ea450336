import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spreadOverRuns } from '../../lib/run/spark-spread.ts';

const limits = { leastRunBytes: 100, mostRuns: 4, mostRunBytes: 1_000 };
const unit = (bytes: number) => ({ bytes });
const sizes = (groups: readonly (readonly { readonly bytes: number }[])[]) =>
  groups.map((group) => group.reduce((sum, { bytes }) => sum + bytes, 0));

describe('units over runs of Spark', () => {
  it('share one run while a second would not pay for its start', () => {
    expect(spreadOverRuns([unit(90), unit(60), unit(40)], limits)).toHaveLength(1);
    expect(spreadOverRuns([unit(90), unit(60), unit(50)], limits)).toHaveLength(2);
  });

  it('take no more runs than go at once, unless a run would be cut off', () => {
    expect(sizes(spreadOverRuns(Array(40).fill(unit(50)), limits))).toEqual([500, 500, 500, 500]);
    expect(spreadOverRuns(Array(100).fill(unit(50)), limits)).toHaveLength(5);
  });

  it('leave a unit that is too long for a run to a run of its own', () => {
    expect(sizes(spreadOverRuns([unit(10), unit(2_000), unit(900)], limits))).toEqual([2_000, 900, 10]);
  });

  it('are each in one run, and every run has some', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_500), { maxLength: 60 }), (bytes) => {
        const units = bytes.map((size, at) => ({ bytes: size, at }));
        const groups = spreadOverRuns(units, limits);
        expect(
          groups
            .flat()
            .map(({ at }) => at)
            .sort((a, b) => a - b),
        ).toEqual(units.map(({ at }) => at));
        expect(groups.every((group) => group.length > 0 || units.length === 0)).toBe(true);
        for (const group of groups)
          if (group.length > 1) expect(sizes([group])[0]).toBeLessThanOrEqual(limits.mostRunBytes);
      }),
    );
  });
});
