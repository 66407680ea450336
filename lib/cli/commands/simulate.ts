import { glueSettings, type PipelineConfig, parseByteSize, usualGlue } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { bytes, count, duration } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { type Assumptions, defaultAssumptions, type TableStatistics } from '../../simulate/assumptions.ts';
import { describeAssumptions, describeRollup } from '../../simulate/describe.ts';
import { type SimulatedEngine, simulateEngine } from '../../simulate/engines.ts';
import { rollupUnits, summaryUnits } from '../../simulate/equal-units.ts';
import { prices } from '../../simulate/prices.ts';
import { parseQuantity } from '../../simulate/quantity.ts';
import { rollupBatch, rollupStages } from '../../simulate/rollup.ts';
import { type CostItem, type RunCost, runCost } from '../../simulate/run-cost.ts';
import { sensitivity, simulateSummary } from '../../simulate/simulate.ts';
import { rowEntries, rowShape, rowShapeOf } from '../../summary/cost-model.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { loadChosenPipeline } from '../pipeline.ts';

/** 20 arrays of 36 entries and 40 scalars, as in the seeds' tables: without a pipeline. */
const usualEntries = 20 * 36 + 40;
const usualRow = rowShapeOf(usualEntries, defaultAssumptions.rowBytes);

export const simulate: CommandHandler = async (context) => {
  const chosen =
    context.flags.text('pipeline') === undefined ? undefined : (await loadChosenPipeline(context)).config;
  const points = context.flags.text('rollup');
  const isRollup = chosen?.kind === 'rollup' || points !== undefined;
  mustBeOfKind(context, isRollup ? 'rollup' : 'summary');
  if (isRollup) return simulateRollup(context, chosen, points);
  const config = chosen;
  const row = config === undefined ? usualRow : rowShape(config);
  const assumed = assumptions(context, config, row.bytes);
  const { flags, output } = context;
  const table: TableStatistics = {
    rows: parseQuantity(flags.text('rows') ?? '100B', 'rows'),
    months: flags.number('months') ?? 36,
    records: parseQuantity(flags.text('records') ?? '300M', 'records'),
    recordMonths: flags.number('record-months') ?? 12,
    recordsPerKey: flags.number('records-per-key') ?? 3,
  };
  const simulated = simulateSummary(table, assumed, row);
  const { cost, volume, storage, warnings } = simulated;
  const entries = config === undefined ? usualEntries : rowEntries(config);
  const job = config === undefined ? usualGlue : glueSettings(config);
  const engines = summaryUnits({ table, volume, assumed, entries }).map((units) =>
    simulateEngine(units, { assumed, job }),
  );
  const variants = sensitivity(table, assumed, row);
  const assumptionsSaid = describeAssumptions(table, assumed, volume);
  output.document({
    table,
    assumed,
    prices,
    ...simulated,
    engines,
    sensitivity: variants,
    assumptions: assumptionsSaid,
  });
  output.lines([
    `${count(table.records)} records for ${table.recordMonths} of ${table.months} months of a table of ${count(table.rows)} rows (${bytes(table.rows * assumed.rowBytes)})`,
    `opens ${bytes(volume.touchedBytes)} in ${count(volume.work.units - volume.buckets)} units over ${count(volume.buckets)} buckets`,
    ...resultLines(cost),
    ...engines.flatMap(engineLines),
    'storage, a month',
    ...itemLines(storage),
    'with one assumption changed',
    ...textTable({
      columns: ['change', { title: 'cost', align: 'right' }, { title: 'time', align: 'right' }],
      rows: variants.map(({ what, usd, wallSeconds }) => [what, dollars(usd), duration(wallSeconds * 1000)]),
      indent: 2,
    }),
    'assumed',
    ...assumptionsSaid.map((line) => `  ${line}`),
    priceLine(),
  ]);
  for (const warning of warnings) output.warn(warning);
  return 0;
};

/** Flags that only a batch of points, or only a run on a summary table, has a use for. */
const flagsOf = {
  rollup: ['series'],
  summary: ['rows', 'months', 'records', 'record-months', 'records-per-key'],
} as const;

/** @throws UsageError for flags of the other kind */
function mustBeOfKind({ flags }: CommandContext, kind: keyof typeof flagsOf): void {
  const isGiven = (name: string) => flags.text(name) !== undefined || flags.number(name) !== undefined;
  const wrong = flagsOf[kind === 'rollup' ? 'summary' : 'rollup'].find(isGiven);
  if (wrong === undefined) return;
  throw new UsageError(
    kind === 'rollup'
      ? `--${wrong} is for a run on a summary table, this is a batch of points`
      : `--${wrong} is for a batch of points, this is a run on a summary table`,
    {
      next:
        kind === 'rollup'
          ? `the same without --${wrong}; --rollup POINTS and --series N say how large the batch is`
          : 'the same with --rollup POINTS, or without --series',
    },
  );
}

function engineLines({ stage, route, functions, spark, cpuSeconds }: SimulatedEngine): readonly string[] {
  const engine = route.engine === 'duckdb' ? 'DuckDB in functions' : 'Spark on Glue';
  const times = cpuSeconds.spark / cpuSeconds.duckdb;
  return [
    `engine of ${stage}: ${engine} (${route.reason})`,
    `  all of it in functions: ${dollars(functions.usd)} and ${duration(functions.seconds * 1000)}`,
    `  all of it by Spark on Glue: ${dollars(spark.usd)} and ${duration(spark.seconds * 1000)}, in ${count(spark.runs)} runs of ${count(spark.cores)} cores; ${count(Math.round(times))} times DuckDB's time of a core (fitted on one small machine)`,
  ];
}

/** @throws UsageError when the points are not given, or the pipeline is of another kind */
function simulateRollup(
  context: CommandContext,
  chosen: PipelineConfig | undefined,
  given: string | undefined,
) {
  if (chosen !== undefined && chosen.kind !== 'rollup')
    throw new UsageError(`--rollup is for pipelines of kind rollup; ${chosen.pipeline} is a ${chosen.kind}`);
  if (given === undefined)
    throw new UsageError(`${chosen?.pipeline} is a rollup: how many points does a batch have?`, {
      next: 'the same with --rollup POINTS, and --series N where that is known',
    });
  const { flags, output } = context;
  const points = parseQuantity(given, 'rollup');
  const series = flags.text('series');
  const batch = rollupBatch(
    points,
    series === undefined ? undefined : parseQuantity(series, 'series'),
    chosen,
  );
  const assumed = assumptions(context, chosen);
  const cost = runCost(rollupStages(batch, assumed), assumed);
  const job = chosen === undefined ? usualGlue : glueSettings(chosen);
  const engines = rollupUnits(batch).map((units) => simulateEngine(units, { assumed, job }));
  const said = describeRollup(batch, assumed);
  output.document({ batch, assumed, prices, cost, engines, assumptions: said });
  output.lines([
    `a batch of ${count(points)} points`,
    ...resultLines(cost),
    ...engines.flatMap(engineLines),
    'assumed',
    ...said.map((line) => `  ${line}`),
    priceLine(),
  ]);
  return 0 as const;
}

/** The pipeline file decides what it says; flags and defaults the rest. */
function assumptions(
  context: CommandContext,
  config: PipelineConfig | undefined,
  rowBytes: number = defaultAssumptions.rowBytes,
): Assumptions {
  const concurrency = context.flags.number('concurrency');
  return {
    ...defaultAssumptions,
    rowBytes,
    ...(config?.kind === 'summary'
      ? {
          fileBytes: parseByteSize(config.tables.targetFileSize),
          unitBytes: parseByteSize(config.work.unitBytes),
          maxDeadFraction: config.work.maxDeadFraction,
          sourceColumns: config.columns.length,
        }
      : {}),
    ...(config === undefined
      ? {}
      : {
          memoryGb: parseByteSize(config.aws.memory) / 1e9,
          diskGb: parseByteSize(config.aws.disk) / 1e9,
          concurrency: config.aws.concurrency,
        }),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
}

function resultLines(cost: RunCost): readonly string[] {
  return [
    `about ${dollars(cost.usd)} and ${duration(cost.wallSeconds * 1000)}`,
    ...textTable({
      columns: ['stage', 'units', 'of one', 'together'],
      rows: cost.stages.map(({ name, units, unitSeconds, wallSeconds }) => [
        name,
        count(units),
        duration(unitSeconds * 1000),
        duration(wallSeconds * 1000),
      ]),
      indent: 2,
    }),
    ...itemLines(cost.items),
  ];
}

function itemLines(items: readonly CostItem[]): readonly string[] {
  return textTable({
    columns: ['item', { title: 'quantity', align: 'right' }, 'unit', { title: 'cost', align: 'right' }],
    rows: items.map(({ item, quantity, unit, usd }) => [
      item,
      count(Math.round(quantity)),
      unit,
      dollars(usd),
    ]),
    indent: 2,
  });
}

/** @example dollars(1234.5) // '$1,234.50' */
function dollars(usd: number): string {
  const [whole = '0', cents = '00'] = usd.toFixed(2).split('.');
  return `$${count(Number(whole))}.${cents}`;
}

function priceLine(): string {
  return `prices: ${prices.region}, ${prices.asOf}, without free tiers and discounts; ${prices.sources.length} pages are named in --json`;
}
