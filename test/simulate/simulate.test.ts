import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../lib/config/index.ts';
import {
  type Assumptions,
  defaultAssumptions,
  type TableStatistics,
} from '../../lib/simulate/assumptions.ts';
import { describeAssumptions, describeRollup } from '../../lib/simulate/describe.ts';
import { prices, storageUsd } from '../../lib/simulate/prices.ts';
import { parseQuantity } from '../../lib/simulate/quantity.ts';
import { rollupBatch, rollupStages, rowsOut } from '../../lib/simulate/rollup.ts';
import { runCost } from '../../lib/simulate/run-cost.ts';
import { sensitivity, simulateSummary } from '../../lib/simulate/simulate.ts';
import { summaryVolume } from '../../lib/simulate/summary-volume.ts';
import { rowShapeOf } from '../../lib/summary/plan/cost-model.ts';
import { runOnce } from '../cli/harness.ts';

const row = rowShapeOf(760, 1_450);
const table: TableStatistics = {
  rows: 100e9,
  months: 36,
  records: 300e6,
  recordMonths: 12,
  recordsPerKey: 3,
};
const simulated = simulateSummary(table, defaultAssumptions, row);

const tables = fc.record({
  rows: fc.integer({ min: 1_000, max: 1e11 }),
  months: fc.integer({ min: 1, max: 120 }),
  records: fc.integer({ min: 1, max: 1e9 }),
  recordMonths: fc.integer({ min: 1, max: 36 }),
  recordsPerKey: fc.integer({ min: 1, max: 12 }),
});

describe('a simulated run', () => {
  it('costs what its items cost, and has an item for everything that is billed', () => {
    const { items, usd } = simulated.cost;
    expect(items.reduce((sum, item) => sum + item.usd, 0)).toBeCloseTo(usd, 9);
    expect(items.map(({ item }) => item)).toEqual(
      expect.arrayContaining(['Lambda, time', 'Step Functions', 'S3, GET', 'DynamoDB, writes', 'Glue']),
    );
  });

  it('opens the record months of the table and nothing else', () => {
    expect(simulated.volume.touchedRows).toBeCloseTo((100e9 / 36) * 12, 0);
    expect(simulated.volume.touched).toHaveLength(12);
  });

  it('never opens more than the table or changes more than it opens, and always costs something', () => {
    fc.assert(
      fc.property(tables, (some) => {
        const { volume, cost } = simulateSummary(some, defaultAssumptions, row);
        expect(volume.touchedRows).toBeLessThanOrEqual(some.rows * (1 + 1e-9));
        expect(volume.work.changedRows + volume.work.copiedRows).toBeLessThanOrEqual(
          volume.touchedRows * (1 + 1e-9),
        );
        expect(Number.isFinite(cost.usd) && cost.usd > 0 && cost.wallSeconds > 0).toBe(true);
      }),
    );
  });

  it('costs no less for a larger table or more records', () => {
    fc.assert(
      fc.property(tables, (some) => {
        const usd = (changed: Partial<TableStatistics>) =>
          simulateSummary({ ...some, ...changed }, { ...defaultAssumptions, maxDeadFraction: 1 }, row).cost
            .usd;
        expect(usd({ rows: some.rows * 2 })).toBeGreaterThanOrEqual(usd({}) * 0.999);
        expect(usd({ records: some.records * 2 })).toBeGreaterThanOrEqual(usd({}) * 0.999);
      }),
    );
  });

  it('copies the months of which too much would be dead, and only those', () => {
    const many = summaryVolume({ ...table, records: 9e9 }, defaultAssumptions);
    for (const { changedFraction, mode } of many.touched)
      expect(mode).toBe(changedFraction > 0.3 ? 'copy-on-write' : 'merge-on-read');
    expect(new Set(many.touched.map(({ mode }) => mode)).size).toBe(2);
  });

  it('warns of units that Lambda would cut off', () => {
    const slow = simulateSummary(table, { ...defaultAssumptions, unitBytes: 60e9 }, row);
    expect(slow.warnings.join()).toContain('Lambda ends at 900 s');
    expect(simulated.warnings.join()).not.toContain('Lambda ends at');
  });

  it('names what each assumption changes, and its sensitivity is not flat', () => {
    for (const { what, usd, wallSeconds } of sensitivity(table, defaultAssumptions, row))
      expect([what, usd === simulated.cost.usd && wallSeconds === simulated.cost.wallSeconds]).toEqual([
        what,
        false,
      ]);
  });
});

it('every assumption is said: changing it changes what is printed', () => {
  const said = (assumed: Assumptions) =>
    [
      ...describeAssumptions(table, assumed, summaryVolume(table, assumed)),
      ...describeRollup(rollupBatch(1e6, undefined, undefined), assumed),
    ].join('\n');
  const before = said(defaultAssumptions);
  for (const key of Object.keys(defaultAssumptions) as (keyof Assumptions)[])
    expect([key, said({ ...defaultAssumptions, [key]: defaultAssumptions[key] * 3 }) === before]).toEqual([
      key,
      false,
    ]);
});

it('storage is priced tier by tier', () => {
  expect(storageUsd(51_200)).toBeCloseTo(1_177.6, 6);
  expect(storageUsd(145_000)).toBeCloseTo(1_177.6 + 93_800 * 0.022, 6);
  expect([prices.region, prices.asOf, prices.sources.length > 3]).toEqual([
    'us-east-1',
    expect.stringMatching(/^\d{4}-\d\d$/),
    true,
  ]);
});

describe('a batch of points', () => {
  it('takes about twice as long with quantiles, in smaller units', async () => {
    const text = await readFile('pipelines/metrics.yaml', 'utf8');
    const of = async (more: string) => {
      const config = await parsePipeline(`${text}${more}`, 'metrics.yaml');
      return rollupBatch(20e6, 100e3, config.kind === 'rollup' ? config : undefined);
    };
    const [without, with_] = [await of(''), await of('\nquantiles: {}\n')];
    expect(with_.cpuSeconds.rollup).toBe(2 * without.cpuSeconds.rollup);
    expect(with_.unitPoints).toBe(without.unitPoints / 2);
  });

  const batch = rollupBatch(1e9, undefined, undefined);
  const stages = (some: typeof batch) => rollupStages(some, defaultAssumptions);

  it('is prepared, rolled up in units that each read their share and little else, and audited', () => {
    const [prepare, rollup, audit] = stages(batch);
    expect([prepare?.name, rollup?.name, audit?.name]).toEqual(['prepare', 'rollup', 'audit']);
    expect([rollup?.units, audit?.units]).toEqual([100, 20]);
    expect(prepare?.bytesRead).toBe(1e9 * batch.pointBytes);
    expect(rollup?.bytesRead).toBeGreaterThan(1e9 * batch.pointBytes);
    expect(rollup?.bytesRead).toBeLessThan(2 * 1e9 * batch.pointBytes);
    expect(runCost(stages(batch), defaultAssumptions).usd).toBeGreaterThan(0);
  });

  it('never has more rows of a resolution than points, and costs no less for more of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e10 }), fc.integer({ min: 1, max: 1e8 }), (points, series) => {
        const some = rollupBatch(points, series, undefined);
        for (const resolution of some.resolutionsMs)
          expect(rowsOut(some, resolution)).toBeLessThanOrEqual(points);
        const usd = (count: number) =>
          runCost(stages(rollupBatch(count, series, undefined)), defaultAssumptions).usd;
        expect(usd(2 * points)).toBeGreaterThanOrEqual(usd(points) * 0.999);
      }),
    );
  });
});

it.each([
  ['100B', 100e9],
  ['1.5M', 1.5e6],
  ['686,482,723', 686_482_723],
  ['20k', 20_000],
])('%s is read as people mean it', (text, value) => {
  expect(parseQuantity(text, 'rows')).toBe(value);
});

describe('partwise simulate', () => {
  it('prints the same bytes each time, and says region and date of its prices', async () => {
    const [first, second] = [await runOnce('simulate'), await runOnce('simulate')];
    expect(first).toEqual(second);
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('prices: us-east-1') });
  });

  it('gives a program everything, the sources of the prices too', async () => {
    const document = JSON.parse((await runOnce('simulate', '--rows', '2B', '--json')).stdout);
    expect(document).toMatchObject({ table: { rows: 2e9 }, prices: { sources: expect.any(Array) } });
    expect(document.sensitivity.length).toBeGreaterThan(5);
  });

  it('takes windows and units from a pipeline of rollups, and asks for its points', async () => {
    const args = ['simulate', '--pipeline', resolve('pipelines/metrics.yaml')];
    const { code, stderr } = await runOnce(...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--rollup POINTS')]);
    const document = JSON.parse(
      (await runOnce(...args, '--rollup', '20M', '--series', '100K', '--json')).stdout,
    );
    expect(document.batch).toMatchObject({
      points: 20e6,
      series: 100e3,
      resolutionsMs: [60e3, 300e3, 3_600e3],
    });
    const wrong = await runOnce(
      'simulate',
      '--pipeline',
      resolve('pipelines/accounts.yaml'),
      '--rollup',
      '20M',
    );
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('is a summary')]);
  });

  it.each([
    ['--rows', 'many'],
    ['--records', '0'],
    ['--rollup', '-3'],
  ])('refuses %s %s', async (flag, value) => {
    expect((await runOnce('simulate', flag, value)).code).toBe(2);
  });
});
