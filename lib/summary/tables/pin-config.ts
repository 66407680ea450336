import type { SummaryConfig } from '../../config/schema.ts';
import { ConfigError } from '../../errors.ts';
import {
  bucketField,
  currentSchema,
  currentSpec,
  type IcebergType,
  loadTableIfExists,
  type Table,
} from '../../iceberg/index.ts';
import type { ClaimedSources, World } from '../../run/workload.ts';
import { chooseBuckets } from './buckets.ts';
import { summaryShape } from './columns.ts';
import { feedNames } from './feed-columns.ts';
import {
  historyLengthProperty,
  overridesProperty,
  type Role,
  tableIdentifier,
  targetTables,
} from './tables.ts';

const advice = {
  safe: 'the tables are untouched',
  next: 'put it back in the pipeline file, or name new tables under tables; on AWS, cdk deploy brings the file to the functions',
} as const;

/** What to do about a table that does not fit: of one that another system made, adoption says all that stands in the way. */
function adviceOf(table: Table): typeof advice | { readonly safe: string; readonly next: string } {
  return isAdopted(table) ? advice : { safe: advice.safe, next: 'partwise adopt' };
}

/** Whether the table was made here, or taken over by `partwise adopt`. */
export function isAdopted({ metadata }: Table): boolean {
  return metadata.properties[historyLengthProperty] !== undefined;
}

/**
 * Fixes the number of buckets for the run: the table's, else the configured one, else chosen from the first
 * drop's size.
 * @throws ConfigError when the tables were made for another history length, another number of buckets, other columns,
 * or with another deletions feed
 */
export async function pinConfig(
  world: World,
  config: SummaryConfig,
  claimed: ClaimedSources,
): Promise<SummaryConfig> {
  const table = await findTable(world, config, 'summary');
  const buckets =
    table === undefined
      ? (config.tables.buckets ?? chooseBuckets({ config, sourceBytes: claimed.bytes }))
      : storedBuckets(table, config);
  return { ...config, tables: { ...config.tables, buckets } };
}

/** The table of the role, undefined before the first publish. */
export async function findTable(world: World, config: SummaryConfig, role: Role): Promise<Table | undefined> {
  return await loadTableIfExists({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: tableIdentifier(config, role),
  });
}

/** N of the table's bucket[N](key). @throws ConfigError when the pipeline says another one, or another history length */
export function storedBuckets(table: Table, config: SummaryConfig): number {
  const name = `${table.identifier.namespace}.${table.identifier.name}`;
  const length = table.metadata.properties[historyLengthProperty];
  if (length !== undefined && Number(length) !== config.historyLength) {
    throw new ConfigError(
      `historyLength: ${name} was made with ${length}, the pipeline says ${config.historyLength}; another length means a new table`,
      advice,
    );
  }
  const buckets = bucketsOf(table);
  if (buckets === undefined)
    throw new ConfigError(`${name} is not partitioned by bucket[N](${config.key})`, adviceOf(table));
  const wanted = config.tables.buckets;
  if (wanted !== undefined && wanted !== buckets)
    throw new ConfigError(`tables.buckets: ${name} has ${buckets}, the pipeline says ${wanted}`, {
      safe: advice.safe,
      next: `write buckets: ${buckets} under tables in the pipeline file, or leave the line out (on AWS, cdk deploy brings the file to the functions); to have ${wanted} buckets, partwise rebucket --buckets ${wanted}`,
    });
  refuseOtherFeed(table, config);
  refuseOtherColumns(table, config);
  return buckets;
}

/** N of the buckets that the table's new files are written for; undefined when it has none. */
export function bucketsOf(table: Table): number | undefined {
  return bucketField(currentSpec(table))?.count;
}

/** What the feed needs is kept from the first record on, so it cannot come, go or change later. */
function refuseOtherFeed(table: Table, config: SummaryConfig): void {
  const made = table.metadata.properties[overridesProperty];
  const wanted = config.deletions?.overrides;
  if (made === wanted) return;
  const name = `${table.identifier.namespace}.${table.identifier.name}`;
  const feed = (column: string | undefined) =>
    column === undefined ? 'without a deletions feed' : `with one that overrides ${column}`;
  const fields = currentSchema(table).fields.map((field) => field.name);
  const missing =
    made !== undefined || wanted === undefined
      ? []
      : Object.values(feedNames).filter((column) => !fields.includes(column));
  throw new ConfigError(
    `deletions: ${name} was made ${feed(made)}, the pipeline is ${feed(wanted)}${
      missing.length === 0 ? '' : `; columns that are not in it: ${missing.join(', ')}`
    }. Another feed means new tables`,
    adviceOf(table),
  );
}

/**
 * The pipeline may have columns that the table lacks: publish adds them. Everything else that differs is refused by
 * name. An array over a column that has been stored without it would contradict the stored months.
 */
function refuseOtherColumns(table: Table, config: SummaryConfig): void {
  const name = `${table.identifier.namespace}.${table.identifier.name}`;
  const shape = summaryShape(config);
  const stored = new Map(currentSchema(table).fields.map((field) => [field.name, typeText(field.type)]));
  const wanted = targetTables(config, '').find((target) => target.role === 'summary')?.fields ?? [];
  const collects = new Map(shape.histories.map((history) => [history.name, history.from]));
  const fixed = new Set([shape.key, shape.month, ...shape.system].map((column) => column.name));
  const differences = wanted.flatMap((field) => {
    const found = stored.get(field.name);
    const type = typeText(field.type);
    if (found === type) return [];
    if (found !== undefined) return [`${field.name} is ${found} there, ${type} in the pipeline`];
    if (fixed.has(field.name))
      return [`${field.name} is not in it, and key, month and tieBreaks cannot change`];
    const from = collects.get(field.name);
    if (from === undefined || !stored.has(from)) return [];
    return [
      `${field.name} is not in it and ${from} is: give the history a new column of its own, fed by the same source`,
    ];
  });
  const known = new Set(wanted.map((field) => field.name));
  for (const column of stored.keys()) {
    if (!known.has(column)) differences.push(`${column} is in it and not in the pipeline`);
  }
  if (differences.length === 0) return;
  throw new ConfigError(
    `columns: ${name} was made with other columns: ${differences.join('; ')}. Columns can be added to existing tables, not changed or removed: put them back, or make new tables under tables.summary and tables.latest`,
    adviceOf(table),
  );
}

function typeText(type: IcebergType): string {
  return typeof type === 'string'
    ? type
    : type.type === 'list'
      ? `list of ${typeText(type.element)}`
      : type.type;
}
