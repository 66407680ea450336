import { checkCsv, checkText } from './check-text.ts';
import { isReservedColumnName, reservedNames } from './names.ts';
import type { Path, Problem } from './problems.ts';
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
  const problems: Problem[] = [];
  const names: readonly { readonly name: string; readonly path: Path }[] = [
    { name: points.series.name, path: ['points', 'series', 'name'] },
    { name: points.shard.name, path: ['points', 'shard', 'name'] },
    ...points.labels.map(({ name }, at) => ({ name, path: ['points', 'labels', at, 'name'] })),
  ];
  const seen = new Set<string>(rollupColumnNames);
  for (const { name, path } of names) {
    if (seen.has(name.toLowerCase()))
      problems.push({ path, message: `column ${name} exists already; names differ by more than case` });
    if (isReservedColumnName(name))
      problems.push({ path, message: `column ${name} is reserved (${reservedNames})` });
    seen.add(name.toLowerCase());
  }
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
