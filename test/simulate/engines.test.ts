import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usualGlue } from '../../lib/config/index.ts';
import type { GlueSettings } from '../../lib/config/spark.ts';
import { defaultAssumptions } from '../../lib/simulate/assumptions.ts';
import { simulateEngine } from '../../lib/simulate/engines.ts';
import { rollupUnits, summaryUnits } from '../../lib/simulate/equal-units.ts';
import { rollupBatch } from '../../lib/simulate/rollup.ts';
import { summaryVolume } from '../../lib/simulate/summary-volume.ts';
import { runOnce } from '../cli/harness.ts';

const usual = { rows: 100e9, months: 36, records: 300e6, recordMonths: 12, recordsPerKey: 3 };
const engines = (
  change: Partial<typeof defaultAssumptions> = {},
  table = usual,
  job: GlueSettings = usualGlue,
) => {
  const assumed = { ...defaultAssumptions, ...change };
  const volume = summaryVolume(table, assumed);
  return summaryUnits({ table, volume, assumed, entries: 760 }).map((units) =>
    simulateEngine(units, { assumed, job }),
  );
};
const points = (count: number) =>
  rollupUnits(rollupBatch(count, undefined, undefined)).map((units) =>
    simulateEngine(units, { assumed: defaultAssumptions, job: usualGlue }),
  );

describe('the engine of a simulated run', () => {
  it('is DuckDB for units of the usual size, and Spark for files that no function holds', () => {
    expect(engines().map(({ stage, route }) => [stage, route.engine])).toEqual([
      ['resolve', 'duckdb'],
      ['apply', 'duckdb'],
    ]);
    const huge = engines({ fileBytes: 9e9, unitBytes: 9e9 });
    expect(huge.map(({ route }) => route.engine)).toEqual(['spark', 'spark']);
    expect(points(686e6).map(({ stage, route }) => [stage, route.engine])).toEqual([['rollup', 'duckdb']]);
  });

  it('takes Spark no less time and money for a larger table, or for more points', () => {
    const times = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(times, (factor) => {
        for (const of of [
          (by: number) => engines({}, { ...usual, rows: 1e9 * by }, { ...usualGlue, workerType: 'G.1X' }),
          (by: number) => points(1e6 * by),
        ]) {
          const more = of(factor);
          for (const [index, one] of of(1).entries()) {
            expect(more[index]?.spark.usd).toBeGreaterThanOrEqual(one.spark.usd);
            expect(more[index]?.cpuSeconds.spark).toBeGreaterThanOrEqual(one.cpuSeconds.spark);
          }
        }
      }),
    );
  });

  it('is said by the command, with the price of either', async () => {
    const { stdout } = await runOnce('simulate');
    for (const stage of ['resolve', 'apply'])
      expect(stdout).toContain(`engine of ${stage}: DuckDB in functions (fits in memory, time and disk)`);
    expect(stdout).toMatch(/all of it in functions: \$[\d,.]+ and /);
    expect(stdout).toMatch(/all of it by Spark on Glue: \$[\d,.]+ and .*, in [\d,]+ runs of 36 cores/);
    const batch = await runOnce('simulate', '--rollup', '20M');
    expect(batch.stdout).toMatch(/engine of rollup: DuckDB in functions/);
  });
});
