import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  groupLimitsFor,
  runSizeFor,
  runsFor,
  sparkEstimate,
  sparkUnitSeconds,
  workerTypeFor,
} from '../../lib/run/spark/capacity.ts';
import { spreader } from '../../lib/run/spark/spread.ts';

const types = ['G.1X', 'G.2X', 'G.4X', 'G.8X'] as const;
const jobs = fc.record({
  workerType: fc.constantFrom(undefined, ...types),
  workers: fc.integer({ min: 2, max: 299 }),
  timeout: fc.constantFrom('5m', '1h', '4h', '1d'),
  concurrentRuns: fc.integer({ min: 1, max: 50 }),
});
const usual = { workers: 10, timeout: '4h', concurrentRuns: 4 };
const work = { units: 100, coreSeconds: 200_000, warmUpSeconds: 20, pieceBytes: 1e9 };

describe('a run of Spark on Glue', () => {
  it('has cores of all workers but the one that drives, and pays for that one, too', () => {
    const { cores, workers, workerType, seconds, dpuHours, usd } = sparkEstimate(
      { ...work, units: 1 },
      usual,
    );
    expect([cores, workers, workerType]).toEqual([36, 10, 'G.1X']);
    expect(dpuHours).toBeCloseTo((seconds * 10) / 3_600, 6);
    expect(usd).toBeCloseTo(dpuHours * 0.44, 6);
  });

  it('is billed a minute at least', () => {
    const none = { units: 1, coreSeconds: 0, warmUpSeconds: 0, pieceBytes: 0 };
    expect(sparkEstimate(none, usual).dpuHours).toBeGreaterThanOrEqual(2 / 60);
  });

  it('costs no less when there is more to do', () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 50 }), (job, factor) => {
        const cost = (coreSeconds: number) => sparkEstimate({ ...work, coreSeconds }, job).usd;
        expect(cost(work.coreSeconds * factor)).toBeGreaterThanOrEqual(cost(work.coreSeconds));
      }),
    );
  });

  it('is reckoned with the number of runs that units are grouped into', () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 60 }), (job, units) => {
        const type = workerTypeFor(job, 0);
        const limits = groupLimitsFor(job, type);
        const unit = Math.min(limits.mostRunSeconds, sparkUnitSeconds(job)) / 3;
        const coreSeconds = units * unit;
        const runs = runsFor({ units, coreSeconds }, limits);
        const groupOf = spreader({ coreSeconds, runs }, limits);
        const groups = new Set(Array.from({ length: units }, () => groupOf(unit)));
        expect(sparkEstimate({ ...work, pieceBytes: 0, units, coreSeconds }, job).runs).toBe(runs);
        // Whole units leave some room in each run.
        expect(groups.size).toBeGreaterThanOrEqual(runs);
        expect(groups.size).toBeLessThanOrEqual(2 * runs);
      }),
    );
  });

  it('never is to be longer than half of what the job may take', () => {
    fc.assert(
      fc.property(jobs, fc.constantFrom(...types), (job, type) => {
        const { leastRunSeconds, mostRunSeconds } = groupLimitsFor(job, type);
        expect(leastRunSeconds).toBeGreaterThan(0);
        expect(leastRunSeconds).toBeLessThanOrEqual(mostRunSeconds);
      }),
    );
  });

  it('gets few workers for little work and all of them for much, and time for several times what was reckoned', () => {
    const of = (coreSeconds: number, job = usual) => runSizeFor(job, { coreSeconds, workerType: 'G.1X' });
    expect(of(100)).toMatchObject({ workers: 2, cores: 4, seconds: 85, timeoutMinutes: 30 });
    expect(of(7_200)).toMatchObject({ workers: 6, cores: 20, seconds: 420, timeoutMinutes: 30 });
    expect(of(20_000)).toMatchObject({ workers: 10, cores: 36, timeoutMinutes: 42 });
    expect(of(1e6)).toMatchObject({ workers: 10, cores: 36, timeoutMinutes: 240 });
    expect(of(100, { ...usual, timeout: '5m' })).toMatchObject({ timeoutMinutes: 5 });
    expect(runSizeFor(usual, { coreSeconds: 7_200, workerType: 'G.4X' })).toMatchObject({ workers: 4 });
  });

  it('gets no number of workers that another one would undercut, unless it would take longer than ten minutes', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.integer({ min: 2, max: 50 }), (coreSeconds, other) => {
        const { workers, seconds } = runSizeFor(
          { ...usual, workers: 50 },
          { coreSeconds, workerType: 'G.1X' },
        );
        const takes = 60 + coreSeconds / (4 * (other - 1));
        if (takes <= 660) expect(workers * seconds).toBeLessThanOrEqual(other * takes * (1 + 1e-9));
      }),
    );
  });

  it('never gets fewer workers or less time for more work', () => {
    fc.assert(
      fc.property(jobs, fc.nat(1e7), fc.nat(1e7), (job, one, more) => {
        const of = (coreSeconds: number) =>
          runSizeFor(job, { coreSeconds, workerType: workerTypeFor(job, 0) });
        const [small, large] = [of(one), of(one + more)];
        expect(large.workers).toBeGreaterThanOrEqual(small.workers);
        expect(large.workers).toBeLessThanOrEqual(job.workers);
        expect(large.timeoutMinutes).toBeLessThanOrEqual(24 * 60);
      }),
    );
  });

  it('has workers with memory for the largest piece, or those that the pipeline names', () => {
    const automatic = [1e9, 9e9, 20e9, 60e9, 1e12].map((bytes) => workerTypeFor({}, bytes));
    expect(automatic).toEqual(['G.1X', 'G.2X', 'G.4X', 'G.8X', 'G.8X']);
    expect(workerTypeFor({ workerType: 'G.1X' }, 1e12)).toBe('G.1X');
  });
});
