import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { engineModel } from '../../lib/engine/engine-model.ts';
import { groupLimitsFor, sparkEstimate, sparkUnitBytes } from '../../lib/run/spark-capacity.ts';
import { spreadOverRuns } from '../../lib/run/spark-spread.ts';

const model = engineModel();
const jobs = fc.record({
  workerType: fc.constantFrom('G.1X', 'G.2X', 'G.4X', 'G.8X'),
  workers: fc.integer({ min: 2, max: 299 }),
  timeout: fc.constantFrom('5m', '1h', '4h', '1d'),
  concurrentRuns: fc.integer({ min: 1, max: 50 }),
});
const usual = { workerType: 'G.1X', workers: 10, timeout: '4h', concurrentRuns: 4 };
const work = { units: 100, cells: 3_600, readEntries: 1e12, writtenEntries: 1e11 };

describe('a run of Spark on Glue', () => {
  it('has cores of all workers but the one that drives, and pays for that one, too', () => {
    const volume = { ...work, units: 1 };
    const { cores, seconds, dpuHours, usd } = sparkEstimate(model, { volume, bytes: 1e12, job: usual });
    expect(cores).toBe(36);
    expect(dpuHours).toBeCloseTo((seconds * 10) / 3_600, 6);
    expect(usd).toBeCloseTo(dpuHours * 0.44, 6);
  });

  it('is billed a minute at least', () => {
    const none = { units: 1, cells: 0, readEntries: 0, writtenEntries: 0 };
    const { dpuHours } = sparkEstimate(model, { volume: none, bytes: 0, job: usual });
    expect(dpuHours).toBeGreaterThanOrEqual(10 / 60);
  });

  it('costs no less when there is more to do', () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 50 }), (job, factor) => {
        const more = { ...work, readEntries: work.readEntries * factor };
        const cost = (volume: typeof work) => sparkEstimate(model, { volume, bytes: 1e12, job }).usd;
        expect(cost(more)).toBeGreaterThanOrEqual(cost(work));
      }),
    );
  });

  it('is reckoned with the number of runs that units are grouped into', () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 60 }), (job, count) => {
        const limits = groupLimitsFor(job, model);
        const unit = Math.floor(Math.min(limits.mostRunBytes, sparkUnitBytes(job, model)) / 3);
        const groups = spreadOverRuns(Array(count).fill({ bytes: unit }), limits);
        const volume = { ...work, units: count };
        const { runs } = sparkEstimate(model, { volume, bytes: unit * count, job });
        // Whole units leave some room in each run.
        expect(groups.length).toBeGreaterThanOrEqual(runs);
        expect(groups.length).toBeLessThanOrEqual(2 * runs);
      }),
    );
  });

  it('never is to be longer than half of what the job may take', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const { leastRunBytes, mostRunBytes } = groupLimitsFor(job, model);
        expect(leastRunBytes).toBeGreaterThan(0);
        expect(leastRunBytes).toBeLessThanOrEqual(mostRunBytes);
      }),
    );
  });
});
