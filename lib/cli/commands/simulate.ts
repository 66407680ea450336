import {
  engineChoice,
  glueSettings,
  type PipelineConfig,
  parseByteSize,
  usualGlue,
} from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { bytes, count, duration } from '../../report/format.ts';
import { textTable } from '../../report/table.ts';
import { deadlineLines } from '../../run/engines/deadline.ts';
import { type Assumptions, defaultAssumptions, type TableStatistics } from '../../simulate/assumptions.ts';
import { simulateDeadline } from '../../simulate/deadline.ts';
import { describeAssumptions, describeRollup } from '../../simulate/describe.ts';
import { type SimulatedEngine, simulateEngine } from '../../simulate/engines.ts';
import { rollupUnits, summaryUnits } from '../../simulate/equal-units.ts';
import { prices } from '../../simulate/prices.ts';
import { parseQuantity } from '../../simulate/quantity.ts';
import { rollupBatch, rollupStages } from '../../simulate/rollup.ts';
import { type CostItem, type RunCost, runCost } from '../../simulate/run-cost.ts';
import { sensitivity, simulateSummary } from '../../simulate/simulate.ts';
import { rowEntries, rowShape, rowShapeOf } from '../../summary/plan/cost-model.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { LoadedPipeline } from '../pipeline.ts';
import { simulatedPipeline } from '../simulated-pipeline.ts';

/** 20 arrays of 36 entries and 40 scalars, as in the seeds' tables: without a pipeline. */
const usualEntries = 20 * 36 + 40;
const usualRow = rowShapeOf(usualEntries, defaultAssumptions.rowBytes);

export const simulate: CommandHandler = async (context) => {
  const { kind, pipeline } = await simulatedPipeline(context);
  if (kind === 'rollup') return simulateRollup(context, pipeline);
  const config = pipeline?.config.kind === 'summary' ? pipeline.config : undefined;
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
  const engines = summaryUnits({ table, volume, assumed, entries }).map((units) =>
    simulateEngine(units, { assumed, ...engineSettings(config) }),
  );
  const deadline = simulateDeadline(config, { cost, engines });
  const variants = sensitivity(table, assumed, row);
  const assumptionsSaid = describeAssumptions(table, assumed, volume);
  output.document({
    table,
    assumed,
    prices,
    ...simulated,
    engines,
    deadline,
    sensitivity: variants,
    assumptions: assumptionsSaid,
  });
  output.lines([
    ...pipelineLines(pipeline),
    `${count(table.records)} records for ${table.recordMonths} of ${table.months} months of a table of ${count(table.rows)} rows (${bytes(table.rows * assumed.rowBytes)})`,
    `opens ${bytes(volume.touchedBytes)} in ${count(volume.work.units - volume.buckets)} units over ${count(volume.buckets)} buckets`,
    ...resultLines(cost),
    ...engines.flatMap(engineLines),
    ...deadlineLines(deadline),
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

function engineSettings(config: PipelineConfig | undefined) {
  return config === undefined
    ? { job: usualGlue }
    : { job: glueSettings(config), choice: engineChoice(config) };
}

function pipelineLines(pipeline: LoadedPipeline | undefined): readonly string[] {
  return pipeline === undefined ? [] : [`for pipeline ${pipeline.config.pipeline} in ${pipeline.path}`];
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
function simulateRollup(context: CommandContext, pipeline: LoadedPipeline | undefined) {
  const chosen = pipeline?.config;
  const given = context.flags.text('rollup');
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
  const engines = rollupUnits(batch).map((units) =>
    simulateEngine(units, { assumed, ...engineSettings(chosen) }),
  );
  const deadline = simulateDeadline(chosen, { cost, engines });
  const said = describeRollup(batch, assumed);
  output.document({ batch, assumed, prices, cost, engines, deadline, assumptions: said });
  output.lines([
    ...pipelineLines(pipeline),
    `a batch of ${count(points)} points`,
    ...resultLines(cost),
    ...engines.flatMap(engineLines),
    ...deadlineLines(deadline),
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
