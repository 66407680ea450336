import { checkCsv, checkText } from './check-text.ts';
import { isReservedColumnName, reservedNames } from './names.ts';
import type { Path, Problem } from './problems.ts';
import { fractionOf, quantileColumn, sketchColumns } from './quantiles.ts';
import type { RollupConfig } from './schema.ts';
import { parseDurationMs } from './sizes.ts';

/** Columns of the rollup table that are the product's own. */
const rollupColumnNames = [
  ...['resolution', 'window_bucket', 'window_ts', 'count', 'sum', 'min', 'max', 'first_ts', 'first_value'],
  ...['last_ts', 'last_value', 'increase', 'resets'],
] as const;

/** Whether a column name is one that the rollup table has anyway. */
export function isRollupColumnName(name: string): boolean {
  return rollupColumnNames.some((one) => one === name.toLowerCase());
}

/** Files of a batch grow with windows × resolutions: so many windows of the finest one in a batch are refused as a mistake. */
const mostWindows = 1e6;

/** What one entry says about another. */
export function checkRollup(config: RollupConfig): readonly Problem[] {
  const { points, resolutions, batches } = config;
  const problems: Problem[] = [...checkQuantiles(config)];
  const names: readonly { readonly name: string; readonly path: Path }[] = [
    { name: points.series.name, path: ['points', 'series', 'name'] },
    { name: points.shard.name, path: ['points', 'shard', 'name'] },
    ...points.labels.map(({ name }, at) => ({ name, path: ['points', 'labels', at, 'name'] })),
  ];
  const seen = new Set<string>([...rollupColumnNames, ...quantileNames(config)]);
  for (const { name, path } of names) {
    if (seen.has(name.toLowerCase()))
      problems.push({ path, message: `column ${name} exists already; names differ by more than case` });
    if (isReservedColumnName(name))
      problems.push({ path, message: `column ${name} is reserved (${reservedNames})` });
    seen.add(name.toLowerCase());
  }
  if (points.time.unit !== undefined && points.time.type === 'timestamp')
    problems.push({
      path: ['points', 'time', 'unit'],
      message: 'a unit is for whole numbers; a timestamp has its own (type: bigint)',
    });
  const lengths = new Set<number>();
  for (const [at, text] of resolutions.entries()) {
    const path = ['resolutions', at];
    const length = parseDurationMs(text);
    if (lengths.has(length)) problems.push({ path, message: `${text} is there already` });
    lengths.add(length);
    if (parseDurationMs(batches.every) / length > mostWindows)
      problems.push({ path, message: `${text} makes more than ${mostWindows} windows of a batch` });
  }
  return [...problems, ...checkCsv('source', config.source.csv), ...checkText(config, [])];
}

/** Columns that the table has for the quantiles. */
function quantileNames({ quantiles }: RollupConfig): readonly string[] {
  if (quantiles === null) return [];
  return [...quantiles.values.map(quantileColumn), sketchColumns.buckets, sketchColumns.counts];
}

function checkQuantiles({ quantiles }: RollupConfig): readonly Problem[] {
  if (quantiles === null) return [];
  const { relativeAccuracy, values } = quantiles;
  const tooFine = (value: number) => `${value} is not allowed; allowed: up to six digits after the point`;
  const problems: Problem[] = [];
  if (fractionOf(relativeAccuracy) === undefined)
    problems.push({ path: ['quantiles', 'relativeAccuracy'], message: tooFine(relativeAccuracy) });
  for (const [at, value] of values.entries()) {
    const path = ['quantiles', 'values', at];
    if (fractionOf(value) === undefined) problems.push({ path, message: tooFine(value) });
    if (values.indexOf(value) < at) problems.push({ path, message: `${value} is there already` });
  }
  return problems;
}
