import { expect, it } from 'vitest';
import { usualGlue } from '../../lib/config/index.ts';
import { bytes, count, duration } from '../../lib/report/format.ts';
import { defaultAssumptions, type TableStatistics } from '../../lib/simulate/assumptions.ts';
import { describeAssumptions, describeRollup } from '../../lib/simulate/describe.ts';
import { type EqualUnits, simulateEngine } from '../../lib/simulate/engines.ts';
import { rollupUnits, summaryUnits } from '../../lib/simulate/equal-units.ts';
import { prices } from '../../lib/simulate/prices.ts';
import { rollupBatch, rollupStages } from '../../lib/simulate/rollup.ts';
import { runCost } from '../../lib/simulate/run-cost.ts';
import { sensitivity, simulateSummary } from '../../lib/simulate/simulate.ts';
import { rowShapeOf } from '../../lib/summary/plan/cost-model.ts';

const row = rowShapeOf(760, defaultAssumptions.rowBytes);
const tableOf = (rows: number, records: number): TableStatistics => ({
  rows,
  months: 36,
  records,
  recordMonths: 12,
  recordsPerKey: 3,
});
const dollars = (usd: number) => `$${usd.toFixed(2)}`;
const perMillion = (usd: number) => dollars(usd * 1e6);
const time = (seconds: number) => duration(seconds * 1000);

const cases = [
  { name: '100 B rows, 1 M late', table: tableOf(100e9, 1e6), theirs: 'not given' },
  {
    name: '100 B rows, 300 M late',
    table: tableOf(100e9, 300e6),
    theirs: 'unified 4.5 to 6 h, $110 to 140; partition-wise 1.8 to 2.5 h, $22 to 30',
  },
  { name: '100 B rows, 1 B late', table: tableOf(100e9, 1e9), theirs: 'about 18 h (v5, v8)' },
  {
    name: '60 B rows, 200 M late',
    table: tableOf(60e9, 200e6),
    theirs: '3.6 h (v5, v8), 4.4 h in three runs (v4)',
  },
];
function bySpark(units: readonly EqualUnits[]): string {
  const all = units.map(
    (some) => simulateEngine(some, { assumed: defaultAssumptions, job: usualGlue }).spark,
  );
  const sum = (what: 'seconds' | 'usd') => all.reduce((total, one) => total + one[what], 0);
  return `${time(sum('seconds'))}, ${dollars(sum('usd'))}`;
}

const large = tableOf(100e9, 300e6);
const batch = rollupBatch(686_482_723, undefined, undefined);

/** `npm test -- test/simulate/cost-page -u` writes the page anew. */
it('docs/cost.md is what the simulation says', async () => {
  const summaries = cases.map(({ name, table, theirs }) => {
    const { cost, volume } = simulateSummary(table, defaultAssumptions, row);
    const spark = bySpark(summaryUnits({ table, volume, assumed: defaultAssumptions, entries: 760 }));
    return `| ${name} | ${bytes(volume.touchedBytes)} in ${count(volume.work.units)} units | ${time(cost.wallSeconds)} | ${dollars(cost.usd)} | ${spark} | ${theirs} |`;
  });
  const rollup = runCost(rollupStages(batch, defaultAssumptions), defaultAssumptions);
  const { cost, volume, storage } = simulateSummary(large, defaultAssumptions, row);
  const items = [...cost.items, ...storage].map(
    ({ item, quantity, unit, usd }) =>
      `| ${item} | ${count(Math.round(quantity))} ${unit} | ${dollars(usd)} |`,
  );
  const changed = sensitivity(large, defaultAssumptions, row).map(
    ({ what, usd, wallSeconds }) => `| ${what} | ${dollars(usd)} | ${time(wallSeconds)} |`,
  );
  const page = [
    '# What a run costs on AWS',
    'Reckoned by `partwise simulate`, not billed: nobody has paid for these runs yet. A test holds this page equal to what the simulation says. ' +
      `Prices are those of ${prices.region} as of ${prices.asOf}, without free tiers and discounts, from: ${prices.sources.join(', ')}.`,
    '## The cases of the systems before it',
    `| case | opens | takes | costs | units by Spark on Glue | what was reckoned or measured for the Spark jobs before |\n|---|---|--:|--:|--:|---|\n${summaries.join('\n')}\n` +
      `| a rollup batch of 686,482,723 points | ${bytes(batch.points * batch.pointBytes)} in ${rollup.stages[1]?.units} units | ${time(rollup.wallSeconds)} | ${dollars(rollup.usd)} | ${bySpark(rollupUnits(batch))} | 605.6 s measured, 3 to 4 minutes hoped for |`,
    'Read the last column with care: those figures assumed 200 million rows in a month of the 100-billion-row table, where 36 even months hold 2.8 billion each, ' +
      'so they read a fourteenth of what this table holds; they price instances for the hours of the job, and 500 functions at a time against 80 to 160 cores. ' +
      'The first load of such a table and the cost of the source files are in neither.',
    'Units by Spark on Glue: time and price if every unit of resolve and apply, or of the batch, were given to it (`work.engine: spark`), in place of what functions take for them; ' +
      `${usualGlue.concurrentRuns} runs at a time of at most ${usualGlue.workers} workers, by the model that was fitted on one small machine. Preparing and the audit come on top. ` +
      'Spark is for what does not fit a function, not for saving money.',
    '## 100 billion rows, 300 million late ones, item by item',
    `| item | quantity | cost |\n|---|--:|--:|\n${items.join('\n')}`,
    'The last two lines are by the month and not in the total.',
    `| with this changed | costs | takes |\n|---|--:|--:|\n| nothing | ${dollars(cost.usd)} | ${time(cost.wallSeconds)} |\n${changed.join('\n')}`,
    '## What is assumed',
    describeAssumptions(large, defaultAssumptions, volume)
      .map((line) => `- ${line}`)
      .join('\n'),
    `For the rollup batch:\n\n${describeRollup(batch, defaultAssumptions)
      .slice(0, 3)
      .map((line) => `- ${line}`)
      .join('\n')}`,
    'Known to be left out: attempts at units that go on where the one before stopped; planning 100 billion rows reads manifests of some gigabytes, priced as two minutes; retries by throttling; support, KMS requests and data transfer out of the region; ' +
      `and what is small: events (${perMillion(prices.event)} a million), messages (${perMillion(prices.queueRequest)}) and traces (${perMillion(prices.trace)}, one request in twenty).`,
  ].join('\n\n');
  await expect(`${page}\n`).toMatchFileSnapshot('../../docs/cost.md');
});
