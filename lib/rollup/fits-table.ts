import type { RollupConfig } from '../config/schema.ts';
import { ConfigError } from '../errors.ts';
import { currentSchema, type Table } from '../iceberg/index.ts';
import type { Field } from '../iceberg/types.ts';
import { rulesOf, watermark } from './rules.ts';
import { quantilesText } from './sketch/sketch.ts';
import type { RollupState } from './state/state.ts';
import { quantilesProperty, resolutionsProperty, tableIdentifier, targetTable } from './tables.ts';

const advice = { safe: 'the table is untouched' };
const newTable = 'a new table: give it another name under tables.rollups';

/**
 * The pipeline must be the one that the table was made with, as far as rows and states depend on it. A state has the
 * series, the shard and the labels by their place, so their order counts. Columns that others added come after ours.
 * @throws ConfigError
 */
export function mustFitTable(table: Table, config: RollupConfig): void {
  const rules = rulesOf(config);
  const name = nameOf(config);
  const made = table.metadata.properties[resolutionsProperty];
  const wanted = rules.resolutionsMs.join(',');
  if (made !== wanted)
    throw new ConfigError(
      `resolutions: ${name} was made with ${made ?? 'none'} ms, the pipeline says ${wanted} ms; others mean ${newTable}`,
      advice,
    );
  const estimated = table.metadata.properties[quantilesProperty] ?? 'none';
  const asked = quantilesText(config);
  if (estimated !== asked)
    throw new ConfigError(
      `quantiles: ${name} was made with ${estimated}, the pipeline says ${asked}; rows that are published cannot be given others, so put them back or make ${newTable}`,
      advice,
    );
  const stored = pointColumnsOf(currentSchema(table).fields);
  const named = pointColumnsOf(targetTable(config, rules, '').fields);
  if (stored === named) return;
  throw new ConfigError(
    `points: ${name} was made with ${stored}, the pipeline says ${named}; put them back, in this order, or make ${newTable}`,
    advice,
  );
}

/** Shard, series and labels, as people read them. By id, since another engine may have moved them and added its own. */
function pointColumnsOf(fields: readonly Field[]): string {
  const ordered = fields.toSorted((a, b) => a.id - b.id);
  const end = ordered.findIndex(({ name }) => name === 'count');
  return ordered
    .slice(0, end)
    .filter(({ name }) => !['resolution', 'window_bucket', 'window_ts'].includes(name))
    .map(({ name, type }) => `${name} ${type}`)
    .join(', ');
}

/** @throws ConfigError when the batch that left the state would end at another time */
export function mustFitBatches({ batch, endMs }: RollupState, config: RollupConfig): void {
  const rules = rulesOf(config);
  const now = watermark(rules, batch);
  if (now === endMs) return;
  const time = (ms: number) => new Date(ms).toISOString();
  const start = time(endMs - (batch + 1) * rules.batchMs);
  throw new ConfigError(
    `batches: batch ${batch} of ${nameOf(config)} ends at ${time(endMs)}, and the pipeline says ${time(now)}. Put start and every back; to go on from there with batches of ${config.batches.every}, say start: ${start}`,
    advice,
  );
}

function nameOf(config: RollupConfig): string {
  const { namespace, name } = tableIdentifier(config);
  return `${namespace}.${name}`;
}
