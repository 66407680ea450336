import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usualGlue } from '../../lib/config/index.ts';
import { defaultAssumptions } from '../../lib/simulate/assumptions.ts';
import { simulateEngines } from '../../lib/simulate/engines.ts';
import { summaryVolume } from '../../lib/simulate/summary-volume.ts';
import { runOnce } from '../cli/harness.ts';

const table = { rows: 100e9, months: 36, records: 300e6, recordMonths: 12, recordsPerKey: 3 };
const engines = (change: Partial<typeof defaultAssumptions>, entries = 760) => {
  const assumed = { ...defaultAssumptions, ...change };
  return simulateEngines(summaryVolume(table, assumed), { assumed, entries, job: usualGlue });
};

describe('the engine of a simulated run', () => {
  it('is DuckDB for files of the usual size, and Spark for those that no function holds', () => {
    expect(engines({}).route).toMatchObject({ engine: 'duckdb', cause: 'fits' });
    expect(engines({ fileBytes: 9e9, unitBytes: 9e9 }).route).toMatchObject({ engine: 'spark' });
  });

  it('takes Spark no less time and money for a larger table', () => {
    const times = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(times, (factor) => {
        const of = (rows: number) =>
          simulateEngines(summaryVolume({ ...table, rows }, defaultAssumptions), {
            assumed: defaultAssumptions,
            entries: 760,
            job: usualGlue,
          });
        const [one, more] = [of(1e9), of(1e9 * factor)];
        expect(more.spark.usd).toBeGreaterThanOrEqual(one.spark.usd);
        expect(more.cpuSeconds.spark).toBeGreaterThanOrEqual(one.cpuSeconds.spark);
      }),
    );
  });

  it('is said by the command, with the price of the other one', async () => {
    const { stdout } = await runOnce('simulate');
    expect(stdout).toMatch(/engine of apply: DuckDB in functions \(fits in memory, time and disk\)/);
    expect(stdout).toMatch(/all of it by Spark on Glue: \$[\d,.]+ and .*, in [\d,]+ runs of 36 cores/);
  });
});
