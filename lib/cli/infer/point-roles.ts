import type { TimeUnit } from '../../config/index.ts';
import { assignColumns, listing, namedColumn, type RoleRule } from './guess.ts';
import type { InspectedFile, SourceColumn } from './inspect.ts';
import { timeUnit } from './time-unit.ts';

/** What the columns of a file of points are. */
export interface PointRoles {
  readonly series: SourceColumn;
  readonly time: SourceColumn;
  readonly value: SourceColumn;
  readonly shard: SourceColumn | undefined;
  readonly labels: readonly SourceColumn[];
  /** Of whole numbers: what they count since 1970. */
  readonly timeUnit: TimeUnit;
  /** Roles that were guessed, by name of the role. */
  readonly guessed: readonly PointRole[];
}

export type PointRole = 'series' | 'time' | 'value';

export interface PointFlags {
  readonly series: string | undefined;
  readonly time: string | undefined;
  readonly value: string | undefined;
  readonly shard: string | undefined;
  readonly labels: readonly string[];
}

const nameTypes: readonly string[] = ['string', 'int', 'bigint'];
const isName = (column: SourceColumn) => column.type !== undefined && nameTypes.includes(column.type);

/** 32 bits hold seconds only. */
const isTime = ({ type, sample }: SourceColumn) =>
  type === 'timestamp' || type === 'bigint' || (type === 'int' && timeUnit(sample) === 's');

const rules: Readonly<Record<PointRole, RoleRule>> = {
  series: {
    names: [
      /^(series|series_id|time_?series|time_?series_id|id)$/i,
      /^(metric|sensor|device|counter|meter|point)_?(id|key|no|number)?$/i,
      /(series|sensor|device)/i,
    ],
    fits: (column) => isName(column) && !column.hasNull,
    what: 'a column of text or whole numbers without NULL',
  },
  time: {
    names: [
      /^(logical_timestamp|timestamp|ts|time|event_time|event_ts|measured_at|observed_at)(_ms|_millis)?$/i,
      /(time|_ts$|_at$)/i,
    ],
    fits: (column) => isTime(column) && !column.hasNull,
    what: 'a timestamp in UTC, or a whole number since 1970 (s, ms, us or ns), without NULL',
  },
  value: {
    names: [/^(long_value|value|val|v|reading|counter)$/i, /(value|reading|count|total|bytes)/i],
    fits: (column) => (column.type === 'bigint' || column.type === 'int') && !column.hasNull,
    what: 'a column of whole numbers without NULL',
  },
};

/**
 * Which column is what: the flags where given, else the only column that fits by name and content. Text and what is
 * called an id become labels, unless `labels` says which.
 * @throws UsageError listing the columns
 */
export function assignPointRoles(file: InspectedFile, flags: PointFlags): PointRoles {
  const asked = { file, flags: '--rollup --series COLUMN --time COLUMN --value COLUMN --label COLUMN' };
  const { columns, guessed } = assignColumns({ asked, rules, given: flags });
  const taken = new Set<SourceColumn>(Object.values(columns));
  const free = () => file.columns.filter((column) => !taken.has(column) && isName(column));
  const shard =
    flags.shard === undefined
      ? free().find(({ name }) => /(^|_)shard(_|$)/i.test(name))
      : namedColumn(asked, flags.shard, 'shard');
  if (shard !== undefined && !free().includes(shard))
    throw listing(
      asked,
      `column ${shard.name} cannot be the shard: needed is one of text or whole numbers that is nothing else`,
    );
  if (shard !== undefined) taken.add(shard);
  const labels =
    flags.labels.length > 0
      ? flags.labels.map((name) => namedColumn(asked, name, 'label'))
      : free().filter(({ name, type }) => type === 'string' || /(^|_)(id|no|code)$/i.test(name));
  const wrong = labels.find((column) => !free().includes(column));
  if (wrong !== undefined)
    throw listing(
      asked,
      `column ${wrong.name} cannot be a label: needed is one of text or whole numbers that is nothing else`,
    );
  return { ...columns, shard, labels, timeUnit: timeUnit(columns.time.sample) ?? 'ms', guessed };
}
