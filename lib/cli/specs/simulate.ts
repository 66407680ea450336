import type { CommandSpec } from '../command.ts';

export const simulateCommand: CommandSpec = {
  name: 'simulate',
  aws: 'regardless',
  group: 'Look',
  summary: 'what a run would cost and take on AWS, from table statistics alone',
  description: [
    'Reckons with the same model as the estimate of a plan, item by item, and lists what it assumes. No table is read, ' +
      'nothing is written, and no account is needed. Columns, windows and settings are those of the pipeline that is named, or of the ' +
      'only one; without one, those of a usual table. Counts may end in K, M, B or T.',
  ],
  arguments: [],
  flags: [
    { name: 'rows', kind: 'text', value: 'N', help: 'stored rows (default: 100B)' },
    { name: 'months', kind: 'count', value: 'N', help: 'months that the table spans (default: 36)' },
    { name: 'records', kind: 'text', value: 'N', help: 'records of the run (default: 300M)' },
    {
      name: 'record-months',
      kind: 'count',
      value: 'N',
      help: 'newest months that the records are for (default: 12)',
    },
    { name: 'records-per-key', kind: 'count', value: 'N', help: 'records of one key (default: 3)' },
    {
      name: 'concurrency',
      kind: 'count',
      value: 'N',
      help: "units at a time (default: the pipeline's, else 500)",
    },
    {
      name: 'rollup',
      kind: 'text',
      value: 'POINTS',
      help: 'a batch of so many metric points instead of a summary table',
    },
    {
      name: 'series',
      kind: 'text',
      value: 'N',
      help: 'with --rollup: series of the points (default: a 200th)',
    },
  ],
  examples: [
    { command: 'partwise simulate --rows 100B --records 300M', what: 'a large correction of a large table' },
    {
      command: 'partwise simulate --pipeline accounts --rows 2B --records 1M',
      what: "with this pipeline's columns",
    },
    { command: 'partwise simulate --rollup 686482723', what: 'one batch of metric points' },
    {
      command: 'partwise simulate --pipeline metrics --rollup 20M --series 100K',
      what: "with this pipeline's windows",
    },
  ],
  load: async () => (await import('../commands/simulate.ts')).simulate,
};
