import type { CommandSpec } from '../command.ts';

export const startCommands: readonly CommandSpec[] = [
  {
    name: 'demo',
    aws: 'regardless',
    group: 'Start',
    summary: 'make a warehouse, bring six drops of records into it, show what each changed',
    description: [
      'Makes 20,000 accounts x 24 months with 6 history columns in ./demo-warehouse, then runs six drops through the ' +
        'real pipeline: new accounts, a forward month, a late month, corrections, deletes and bad rows. Everything is ' +
        'made up on the spot and is the same each time. An earlier demo in that folder is replaced.',
      'partwise demo metrics brings points of counters into rollups instead: hourly batches with late, repeated and reset ' +
        'points, an empty batch, points that come too late, and a flush.',
    ],
    arguments: [{ name: 'WORKLOAD', help: 'accounts or metrics (default: accounts)' }],
    flags: [
      { name: 'into', kind: 'text', value: 'DIR', help: 'folder of the demo (default: demo-warehouse)' },
      { name: 'accounts', kind: 'count', value: 'N', help: 'accounts (default: 20000)' },
      {
        name: 'months',
        kind: 'count',
        value: 'N',
        help: 'months of history to begin with (default: 24, at least 6)',
      },
    ],
    examples: [
      { command: 'partwise demo', what: 'the whole demo, about a minute' },
      { command: 'partwise demo metrics', what: 'rollups of points, some seconds' },
      { command: 'partwise demo --accounts 2000 --into /tmp/small-demo', what: 'a smaller one, elsewhere' },
    ],
    load: async () => (await import('../commands/demo.ts')).demo,
  },
  {
    name: 'init',
    aws: 'regardless',
    group: 'Start',
    summary: 'write a pipeline file, from a file of your own or from a template',
    description: [
      'Reads the columns and the first rows of FILE and writes pipelines/NAME.yaml. The key, the month and the version ' +
        'column are guessed by name and type; the flags decide otherwise. When one of them cannot be guessed, nothing is ' +
        'written and the columns are listed. Numeric columns become history columns unless --history says which.',
      '--rollup, or a flag of it, writes a pipeline of rollups of metric points: series, time and value are guessed, text ' +
        'columns and ids become labels unless --label says which. Whether a time in whole numbers is in seconds, milliseconds, ' +
        'microseconds or nanoseconds is told by its magnitude.',
      'The new pipeline is then the default of the root folder, so that the other commands need no --pipeline.',
    ],
    arguments: [],
    flags: [
      {
        name: 'from',
        kind: 'text',
        value: 'FILE',
        help: 'file to infer the columns from (without it: a template)',
      },
      { name: 'name', kind: 'text', value: 'NAME', help: 'name of the pipeline (default: from the file)' },
      { name: 'key', kind: 'text', value: 'COLUMN', help: 'what a record is about, such as account_id' },
      { name: 'month', kind: 'text', value: 'COLUMN', help: 'the month that a record is for' },
      {
        name: 'version',
        kind: 'text',
        value: 'COLUMN',
        help: 'of two records for one key and month, the higher wins',
      },
      {
        name: 'history',
        kind: 'text',
        value: 'COLUMN',
        many: true,
        help: 'column to keep a history array of',
      },
      { name: 'delete', kind: 'text', value: 'COLUMN', help: 'column whose codes mark a record as deleted' },
      {
        name: 'delete-code',
        kind: 'text',
        value: 'CODE',
        many: true,
        help: 'such a code (default: 1 and 4)',
      },
      {
        name: 'history-length',
        kind: 'count',
        value: 'MONTHS',
        help: 'length of the history arrays (default: 36)',
      },
      { name: 'rollup', kind: 'switch', help: 'rollups of metric points instead of summaries of records' },
      { name: 'series', kind: 'text', value: 'COLUMN', help: 'rollups: the series that a point belongs to' },
      {
        name: 'time',
        kind: 'text',
        value: 'COLUMN',
        help: 'rollups: its time, a timestamp or a whole number since 1970',
      },
      { name: 'value', kind: 'text', value: 'COLUMN', help: 'rollups: its value, a whole number' },
      {
        name: 'shard',
        kind: 'text',
        value: 'COLUMN',
        help: 'rollups: what rows are sorted by before the series',
      },
      {
        name: 'label',
        kind: 'text',
        value: 'COLUMN',
        many: true,
        help: 'rollups: carried along with the series',
      },
      {
        name: 'quantiles',
        kind: 'text',
        value: 'Q,Q',
        help: 'rollups: quantiles to estimate of each window, such as 0.5,0.99',
      },
      { name: 'force', kind: 'switch', help: 'replace a pipeline file that is already there' },
    ],
    examples: [
      {
        command: 'partwise init --from mine.csv --key account_id --month month --version updated_at',
        what: 'writes pipelines/mine.yaml; then: partwise run mine.csv',
      },
      { command: 'partwise init --from mine.parquet', what: 'guesses, and says what it took for what' },
      { command: 'partwise init --rollup --from points.csv', what: 'a pipeline of rollups of these points' },
      { command: 'partwise init --name accounts', what: 'writes a commented template to edit' },
    ],
    load: async () => (await import('../commands/init.ts')).init,
  },
  {
    name: 'doctor',
    group: 'Start',
    summary: 'check this machine, the pipeline file and the warehouse, and say what to do',
    description: [
      'Checks Node, DuckDB, free disk and memory, the pipeline file, the catalog, that every file of the current ' +
        'snapshots is there with its recorded length, leases, unfinished runs and pending intake. Changes nothing. ' +
        'Exit code 1 when something needs a person.',
    ],
    arguments: [],
    flags: [],
    examples: [{ command: 'partwise doctor', what: 'everything that can be checked in the default root' }],
    load: async () => (await import('../commands/doctor.ts')).doctor,
  },
];
