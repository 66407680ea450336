import type { CommandSpec } from '../command.ts';

export const rebuildCommand: CommandSpec = {
  name: 'rebuild',
  group: 'Care',
  summary: 'recompute history arrays that other systems left wrong, from the months’ own rows',
  description: [
    'Each stored month is worth its own row: the value of its record, NULL when it is deleted. The arrays of the named ' +
      'keys, or all arrays that hold values of the named months, are recomputed from that, their grids too; what an array alone ' +
      'knows of a month that is not stored stays. Rows that are right are not written. latest follows in the same commit; none when ' +
      'nothing was wrong. A rebuild that was stopped goes on when it is given again.',
  ],
  arguments: [],
  flags: [
    { name: 'key', kind: 'text', value: 'KEY', many: true, help: 'this key' },
    {
      name: 'month',
      kind: 'text',
      value: 'MONTH',
      help: 'YYYY-MM or YYYY-MM..YYYY-MM: wherever the values of these months stand',
    },
    { name: 'dry-run', kind: 'switch', help: 'only say what is wrong, with old and new for a sample' },
    { name: 'sample', kind: 'count', value: 'N', help: 'rows of that sample (default: 5)' },
  ],
  examples: [
    { command: 'partwise rebuild --key 4711 --dry-run', what: 'old and new arrays of one key' },
    {
      command: 'partwise rebuild --month 2025-10..2025-12',
      what: 'after another engine changed rows of three months',
    },
  ],
  load: async () => (await import('../commands/rebuild.ts')).rebuild,
};
