import { isRollupColumnName } from '../../config/index.ts';
import type { InspectedFile, SourceColumn } from './inspect.ts';
import type { PointRoles } from './point-roles.ts';
import { unitNames } from './time-unit.ts';
import { comment, scalar, sourceLines, tableName } from './yaml-text.ts';

export interface PointTextOptions {
  readonly name: string;
  readonly file: InspectedFile;
  readonly roles: PointRoles;
  /** Where the first batch starts, ISO. */
  readonly start: string;
  /** What of each window is estimated; undefined: nothing. */
  readonly quantiles: readonly number[] | undefined;
  /** Path of the JSON Schema from the pipeline file, for editors. */
  readonly schemaPath: string;
}

/** The YAML of a pipeline of rollups for this file, with comments where a person may want to change it. */
export function pointText({ name, file, roles, schemaPath, ...defaults }: PointTextOptions): string {
  const { series, time, value, shard, labels } = roles;
  const names = targetNames([series, ...(shard === undefined ? [] : [shard]), ...labels]);
  const entry = (column: SourceColumn) => {
    const target = names.get(column) ?? column.name;
    const from = target === column.name ? '' : ` from: ${scalar(column.name)},`;
    return `{ name: ${scalar(target)},${from} type: ${column.type} }`;
  };
  const used = new Set<SourceColumn | undefined>([series, time, value, shard, ...labels]);
  const leftOut = file.columns.filter((column) => !used.has(column));
  return `${[
    `# yaml-language-server: $schema=${schemaPath}`,
    '# Made from the columns of a file; all that can be set: docs/rollup.md',
    `pipeline: ${scalar(name)}`,
    'kind: rollup',
    ...sourceLines(file),
    '',
    '# `name` is the column of the table, `from` its name in the files when it differs.',
    'points:',
    `  series: ${entry(series)}`,
    `  time: ${timeEntry(roles)}`,
    `  value: { from: ${scalar(value.name)} }`,
    ...(shard === undefined
      ? [
          '  # What rows are sorted by before the series, such as a tenant; no column of the file is called so.',
        ]
      : [`  shard: ${entry(shard)}`]),
    '  # Carried along, fixed per series by its first point.',
    ...(labels.length === 0
      ? ['  labels: []']
      : ['  labels:', ...labels.map((one) => `    - ${entry(one)}`)]),
    ...leftOut.map((column) => `  # left out: ${comment(column.name)} (${comment(column.engineType)})`),
    '',
    ...defaultLines(defaults),
  ].join('\n')}\n`;
}

/** @example '{ from: "ts", type: bigint, unit: us } # microseconds since 1970' */
function timeEntry({ time, timeUnit }: PointRoles): string {
  const from = `from: ${scalar(time.name)}`;
  if (time.type === 'timestamp') return `{ ${from}, type: timestamp } # UTC`;
  const unit = timeUnit === 'ms' ? '' : `, unit: ${timeUnit}`;
  return `{ ${from}, type: bigint${unit} } # ${unitNames[timeUnit]} since 1970`;
}

/** A pipeline of rollups to edit by hand, for when there is no file to infer it from. */
export function pointTemplate({
  name,
  schemaPath,
  ...defaults
}: Omit<PointTextOptions, 'file' | 'roles'>): string {
  return `${[
    `# yaml-language-server: $schema=${schemaPath}`,
    '# Edit the columns to fit your files; all that can be set: docs/rollup.md',
    `pipeline: ${JSON.stringify(name)}`,
    'kind: rollup',
    '',
    '# `name` is the column of the table, `from` its name in the files when it differs.',
    'points:',
    '  series: { name: id, type: string }',
    '  time: { from: logical_timestamp, type: bigint } # milliseconds since 1970; others: unit: s, us or ns; or type: timestamp, UTC',
    '  value: { from: long_value }',
    '  # What rows are sorted by before the series.',
    '  shard: { name: metric_shard_id, type: int }',
    '  # Carried along, fixed per series by its first point.',
    '  labels:',
    '    - { name: org_id, type: string }',
    '    - { name: metric, type: string }',
    '',
    ...defaultLines(defaults),
  ].join('\n')}\n`;
}

function defaultLines({
  start,
  quantiles,
}: Pick<PointTextOptions, 'start' | 'quantiles'>): readonly string[] {
  return [
    'resolutions: [1m, 5m, 1h]',
    '',
    '# A batch takes what arrives before its end; the first one that has a file is the first to run.',
    'batches:',
    `  start: ${start}`,
    '  every: 1h',
    '',
    '# A window is published when a batch ends this long after it; what comes later goes to the dead letters.',
    'lateness: 15m',
    '# Of points of a series with the same time, the one that came last counts.',
    'duplicates: last',
    '# A point that comes longer after the one before it starts its series anew.',
    'maxGap: 1d',
    '',
    '# Columns such as p50, and sketches from which those of longer windows follow. Only before the first run.',
    `${quantiles === undefined ? '# ' : ''}quantiles: { relativeAccuracy: 0.01, values: [${(quantiles ?? [0.5, 0.95, 0.99]).join(', ')}] }`,
  ];
}

/** Names that the table allows, none twice. */
function targetNames(columns: readonly SourceColumn[]): ReadonlyMap<SourceColumn, string> {
  const used = new Set<string>();
  const names = new Map<SourceColumn, string>();
  for (const column of columns) {
    const cleaned = tableName(column.name);
    const base = isRollupColumnName(cleaned) ? `source_${cleaned}` : cleaned;
    let name = base;
    for (let suffix = 2; used.has(name.toLowerCase()); suffix += 1) name = `${base}_${suffix}`;
    used.add(name.toLowerCase());
    names.set(column, name);
  }
  return names;
}
