import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OracleOpenRow, rollupOracle } from '../oracle/rollup-oracle.ts';
import { type PointScenario, pointScenarios } from './points.ts';

const runs = { numRuns: 300 };

describe('the rollup oracle', () => {
  it('counts every point that is kept exactly once in each resolution', () => {
    fc.assert(
      fc.property(pointScenarios(), ({ rules, batches }) => {
        const result = rollupOracle(rules, batches);
        const sent = batches.flatMap((batch) => batch.files.flatMap((file) => file.points)).length;
        const kept =
          sent -
          result.tooLate.length -
          result.tooFar.length -
          result.duplicates.reduce((total, one) => total + one, 0);
        for (const resolutionMs of rules.resolutionsMs) {
          const rows = [...result.rows, ...result.open].filter((row) => row.resolutionMs === resolutionMs);
          expect(rows.reduce((total, row) => total + row.count, 0n)).toBe(BigInt(kept));
        }
      }),
      runs,
    );
  });

  it('publishes each window once: what early batches published, later ones leave as it is', () => {
    fc.assert(
      fc.property(pointScenarios(), ({ rules, batches }) => {
        const whole = rollupOracle(rules, batches);
        for (const end of batches.keys()) {
          const part = rollupOracle(rules, batches.slice(0, end));
          expect(part.rows).toEqual(whole.rows.filter((row) => row.batch < end));
          expect(part.tooLate).toEqual(whole.tooLate.filter(({ batch }) => batch < end));
          expect(part.tooFar).toEqual(whole.tooFar.filter(({ batch }) => batch < end));
          expect(part.duplicates).toEqual(whole.duplicates.slice(0, end));
        }
        const cells = whole.rows.map(cell);
        expect(new Set(cells).size).toBe(cells.length);
        expect(cells.filter((one) => whole.open.map(cell).includes(one))).toEqual([]);
      }),
      runs,
    );
  });

  it('gives a series the same increase and resets at every resolution', () => {
    fc.assert(
      fc.property(pointScenarios(), ({ rules, batches }) => {
        const result = rollupOracle(rules, batches);
        const totals = rules.resolutionsMs.map((resolutionMs) => {
          const ofSeries: Record<string, { increase: bigint; resets: bigint }> = {};
          for (const row of [...result.rows, ...result.open]) {
            if (row.resolutionMs !== resolutionMs) continue;
            const { increase, resets } = ofSeries[row.id] ?? { increase: 0n, resets: 0n };
            ofSeries[row.id] = { increase: increase + row.increase, resets: resets + row.resets };
          }
          return ofSeries;
        });
        for (const one of totals) expect(one).toEqual(totals[0]);
      }),
      runs,
    );
  });
});

describe('the points', () => {
  const scenarios = fc.sample(pointScenarios(), { numRuns: 300, seed: 5 });
  const results = scenarios.map(({ rules, batches }) => rollupOracle(rules, batches));

  it('arrive in the time of their batch, in files with keys of their own', () => {
    for (const { rules, batches } of scenarios) {
      const keys = batches.flatMap(({ files }) => files.map(({ key }) => key));
      expect(new Set(keys).size).toBe(keys.length);
      for (const { batch, files } of batches) {
        for (const { arrivedMs } of files) {
          expect(arrivedMs).toBeLessThan(rules.startMs + (batch + 1) * rules.batchMs);
          if (batch > 0) expect(arrivedMs).toBeGreaterThanOrEqual(rules.startMs + batch * rules.batchMs);
        }
      }
    }
  });

  const shapes: Readonly<Record<string, (scenario: PointScenario, index: number) => boolean>> = {
    'too late in a coarser window that is still open': ({ rules }, index) =>
      results[index]?.tooLate.some(({ point }) =>
        results[index]?.open.some(
          (row) => row.windowMs - Math.max(...rules.resolutionsMs) < point.timeMs && row.id === point.id,
        ),
      ) === true,
    'too far': (_, index) => results[index]?.tooFar.length !== 0,
    'duplicates of a point of an earlier batch': ({ batches }) => {
      const seen = batches.map(({ files }) =>
        files.flatMap(({ points }) => points.map(({ id, timeMs }) => `${id}@${timeMs}`)),
      );
      return seen.some((ofBatch, batch) => ofBatch.some((one) => seen.slice(0, batch).flat().includes(one)));
    },
    resets: (_, index) => results[index]?.rows.some(({ resets }) => resets > 0n) === true,
    'sums beyond 64 bits': (_, index) =>
      results[index]?.rows.some(({ sum }) => BigInt.asIntN(64, sum) !== sum) === true,
    'windows below zero': (_, index) => results[index]?.rows.some(({ windowMs }) => windowMs < 0) === true,
    'a series with two labels': (_, index) =>
      [...Map.groupBy(results[index]?.rows ?? [], ({ id }) => id).values()].some(
        (ofSeries) => new Set(ofSeries.map(({ orgId }) => orgId)).size > 1,
      ),
    'empty batches between others': ({ batches }) =>
      batches.some(({ files }, batch) => batch > 0 && batch < batches.length - 1 && files.length === 0),
    'rows of many batches': (_, index) => new Set(results[index]?.rows.map(({ batch }) => batch)).size >= 3,
    'no points at all': ({ batches }) => batches.every(({ files }) => files.length === 0),
  };
  for (const [name, holds] of Object.entries(shapes)) {
    it(`have the hard shapes: ${name}`, () => {
      expect(scenarios.filter(holds).length).toBeGreaterThan(0);
    });
  }
});

function cell(row: OracleOpenRow): string {
  return JSON.stringify([row.resolutionMs, row.windowMs, row.id]);
}
