import type { CommandSpec } from '../command.ts';
import { detachFlag } from './work.ts';

export const rebucketCommand: CommandSpec = {
  name: 'rebucket',
  aws: 'works',
  group: 'Care',
  summary: 'change the number of buckets of the tables',
  description: [
    'Reads every live row once and writes it, sorted by key, for another number of buckets; nothing of a row changes. All ' +
      'tables of the pipeline change in one commit set, and every file is compared with those that it was made from before ' +
      'that. Older snapshots stay as they are until they expire, so for that long the tables take twice the space. Runs that ' +
      'have not ended and branches come first. What the pipeline file says under tables.buckets must be changed with it, or ' +
      'the line left out. A rebucket that was stopped goes on when it is given again.',
  ],
  arguments: [],
  flags: [
    { name: 'buckets', kind: 'count', value: 'N', help: 'how many there are to be' },
    { name: 'dry-run', kind: 'switch', help: 'only say what would be rewritten' },
    detachFlag,
  ],
  examples: [
    { command: 'partwise rebucket --buckets 64 --dry-run', what: 'how much would be rewritten' },
    { command: 'partwise rebucket --buckets 64', what: 'does it' },
  ],
  load: async () => (await import('../commands/rewrite.ts')).rebucket,
};

export const compactCommand: CommandSpec = {
  name: 'compact',
  aws: 'works',
  group: 'Care',
  summary: 'compact many cells at once, in units, as a run',
  description: [
    'Rewrites the cells (a bucket of a month) that have more small files or more deleted rows than work.maxSmallFiles and ' +
      'work.maxDeadFraction allow, as maintain does it by policy after each run; for tables where that takes too long in one ' +
      'process. Nothing of a row changes, and what is written is compared with what was read. One commit set; none when no cell ' +
      'needs it.',
  ],
  arguments: [],
  flags: [
    {
      name: 'month',
      kind: 'text',
      value: 'MONTH',
      help: 'YYYY-MM or YYYY-MM..YYYY-MM: cells of summary in these months (default: all cells of all tables)',
    },
    { name: 'bucket', kind: 'text', value: 'N', many: true, help: 'cells of this bucket' },
    { name: 'dry-run', kind: 'switch', help: 'only say which cells would be rewritten' },
    detachFlag,
  ],
  examples: [
    { command: 'partwise compact --dry-run', what: 'how many cells need it' },
    { command: 'partwise compact --month 2024-01..2024-12', what: 'those of a year' },
  ],
  load: async () => (await import('../commands/rewrite.ts')).compact,
};
