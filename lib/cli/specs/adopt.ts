import type { CommandSpec } from '../command.ts';

export const adoptCommand: CommandSpec = {
  name: 'adopt',
  group: 'Care',
  summary: 'take over a summary table that Spark or another system has made',
  description: [
    'Holds the tables that the pipeline file names to what it says: columns and types, partitions, files, one row per key and ' +
      'month, arrays against the months that they speak of, latest against summary. Says what deviates, what is ' +
      'set, what must be rewritten first, with the Spark statement that does it, and what cannot be gone on with. Changes nothing without --apply.',
  ],
  arguments: [],
  flags: [
    {
      name: 'apply',
      kind: 'switch',
      help: 'set the properties that runs go by; rows and files stay as they are',
    },
    { name: 'dry-run', kind: 'switch', help: 'only say what deviates (the default)' },
  ],
  examples: [
    { command: 'partwise adopt', what: 'what stands between the tables and the next run' },
    { command: 'partwise adopt --apply', what: 'take them over' },
  ],
  load: async () => (await import('../commands/adopt.ts')).adopt,
};
