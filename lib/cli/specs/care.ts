import type { CommandSpec } from '../command.ts';

export const careCommands: readonly CommandSpec[] = [
  {
    name: 'verify',
    aws: 'works',
    group: 'Care',
    summary: 'recompute what a run wrote, or whole tables, by code of its own',
    description: [
      'With RUN: a sample of its keys, always some of each case and of the deletes, recomputed from the source files and ' +
        'the old snapshot. With --full: every key of the tables. Exit code 6 when something differs.',
    ],
    arguments: [{ name: 'RUN', help: 'run id (default: the newest published run)' }],
    flags: [
      {
        name: 'sample-size',
        kind: 'count',
        value: 'N',
        help: 'keys (default: 10000; all when there are fewer)',
      },
      { name: 'full', kind: 'switch', help: 'the whole tables instead of one run' },
    ],
    examples: [
      { command: 'partwise verify RUN --sample-size 500', what: 'a quick look at one run' },
      { command: 'partwise verify --full', what: 'everything, as long as it takes' },
    ],
    load: async () => (await import('../commands/verify.ts')).verify,
  },
  {
    name: 'maintain',
    group: 'Care',
    summary: 'compact small files, expire old snapshots, remove orphaned files',
    description: [
      'Runs also do this by policy after a publish (maintenance in the pipeline file). Rows never change. Without an action: all three.',
    ],
    arguments: [{ name: 'ACTIONS', help: 'compact, expire, orphans', many: true }],
    flags: [{ name: 'dry-run', kind: 'switch', help: 'only list orphaned files' }],
    examples: [
      { command: 'partwise maintain', what: 'all three' },
      {
        command: 'partwise maintain orphans --dry-run',
        what: 'files that no snapshot, checkpoint or unfinished run needs',
      },
    ],
    load: async () => (await import('../commands/maintain.ts')).maintain,
  },
];
