import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runsFor } from '../../lib/run/spark/capacity.ts';
import { spreader } from '../../lib/run/spark/spread.ts';

const limits = { leastRunSeconds: 100, mostRuns: 4, mostRunSeconds: 1_000 };

/** CPU seconds of the units of each group, in order. */
function spread(seconds: readonly number[]): readonly (readonly number[])[] {
  const coreSeconds = seconds.reduce((sum, one) => sum + one, 0);
  const groupOf = spreader(
    { coreSeconds, runs: runsFor({ units: seconds.length, coreSeconds }, limits) },
    limits,
  );
  const groups: number[][] = [];
  let last = 0;
  for (const one of seconds) {
    const group = groupOf(one);
    expect([last, last + 1]).toContain(group);
    last = group;
    groups[group] = [...(groups[group] ?? []), one];
  }
  return groups;
}
const sums = (groups: readonly (readonly number[])[]) =>
  groups.map((group) => group.reduce((sum, one) => sum + one, 0));

describe('units over runs of Spark', () => {
  it('share one run while a second would not pay for its start', () => {
    expect(spread([90, 60, 40])).toHaveLength(1);
    expect(spread([90, 60, 50])).toHaveLength(2);
  });

  it('take no more runs than go at once, unless a run would be cut off', () => {
    expect(sums(spread(Array(40).fill(50)))).toEqual([500, 500, 500, 500]);
    expect(spread(Array(100).fill(50))).toHaveLength(5);
  });

  it('leave a unit that is too long for a run to a run of its own', () => {
    expect(spread([2_000, 900, 200])).toEqual([[2_000], [900], [200]]);
  });

  it('are each in one run, in their order, none of them too long, and none more than a unit from its share', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_500), { minLength: 1, maxLength: 60 }), (seconds) => {
        const groups = spread(seconds);
        expect(groups.flat()).toEqual(seconds);
        for (const [index, sum] of sums(groups).entries())
          if ((groups[index]?.length ?? 0) > 1) expect(sum).toBeLessThanOrEqual(limits.mostRunSeconds);
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }), (seconds) => {
        const together = sums(spread(seconds));
        const share = seconds.reduce((sum, one) => sum + one, 0) / together.length;
        for (const sum of together) expect(Math.abs(sum - share)).toBeLessThanOrEqual(2 * 90);
      }),
    );
  });
});
