import type { CommandSpec } from '../command.ts';

export const repairCommand: CommandSpec = {
  name: 'repair',
  group: 'Work',
  summary: 'points: work late ones into published windows; latest: make damaged parts anew',
  description: [
    'repair points, for pipelines of kind rollup: recomputes the windows that late or corrected points lie in, at every ' +
      'resolution, from the points that are kept, corrects what depends on them, and rewrites the files with changed rows and ' +
      'the state in one commit. Rows and all later batches are then as if the points had come last and had not been too late. ' +
      'Cheap where few windows are touched; no batch runs again. Refused by name when the kept points do not give the ' +
      'published rows: then a replay is the way.',
    'repair latest, for pipelines of kind summary: compares the table latest with summary, bucket by bucket, and writes ' +
      'those buckets anew in which a key is missing, surplus, there twice, of another month or unlike its summary row. Looked ' +
      'at are the buckets in which another writer has changed rows since the last such repair; --all and --bucket choose ' +
      'others. One commit; none when nothing deviates.',
    'A repair that was stopped is finished by giving one again.',
  ],
  arguments: [{ name: 'WHAT', help: 'points or latest', required: true }],
  flags: [
    {
      name: 'late',
      kind: 'switch',
      help: 'points: the dead letters that were too late and that no repair has taken yet',
    },
    {
      name: 'from-batch',
      kind: 'text',
      value: 'N',
      help: 'points, with --late: of batch N and later ones (default: of all)',
    },
    {
      name: 'also',
      kind: 'text',
      value: 'FILE',
      many: true,
      help: 'points: a further file of them, which counts as the last to have arrived',
    },
    { name: 'all', kind: 'switch', help: 'latest: every bucket' },
    { name: 'bucket', kind: 'text', value: 'N', many: true, help: 'latest: this bucket' },
    { name: 'dry-run', kind: 'switch', help: 'only say what would be rewritten; of latest, what deviates' },
    {
      name: 'sql',
      kind: 'switch',
      help: 'latest: only the statements, of one bucket of each engine; no data file is opened',
    },
  ],
  examples: [
    { command: 'partwise repair points --late', what: 'all that was too late' },
    {
      command: 'partwise repair points --also corrected.parquet --dry-run',
      what: 'what a file of corrections would rewrite',
    },
    { command: 'partwise repair latest --all --dry-run', what: 'what deviates, in every bucket' },
    { command: 'partwise repair latest', what: 'the buckets that another writer has changed' },
  ],
  load: async () => (await import('../commands/repair.ts')).repair,
};
