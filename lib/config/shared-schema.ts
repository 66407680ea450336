import { z } from 'zod';
import { byteSizePattern, durationPattern } from './sizes.ts';

/** What the schemas of all kinds of pipeline share. */

export const columnName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and _, not starting with a digit')
  .max(128);
export const tableName = z
  .string()
  .regex(/^[a-z_][a-z0-9_]*$/, 'lower-case letters, digits and _')
  .max(128);
export const byteSize = z.string().regex(byteSizePattern, 'a number and KB, MB, GB or TB');
export const duration = z.string().regex(durationPattern, 'a number and ms, s, m, h or d');
export const sourceName = z.string().min(1).max(1_024);
const oneCharacter = z.string().regex(/^[\t\x20-\x7e]$/, 'one ASCII character');
/** Below the staging root: relative, no `.` or `..` segment. */
export const prefix = z
  .string()
  .regex(
    /^(?!\.{1,2}(\/|$))[^/\0\\]+(\/(?!\.{1,2}(\/|$))[^/\0\\]+)*\/?$/,
    'a relative folder without . and ..',
  )
  .max(512);

export const feed = {
  format: z.enum(['auto', 'parquet', 'csv', 'jsonl']).default('auto'),
  csv: z
    .strictObject({
      delimiter: oneCharacter.default(','),
      quote: oneCharacter.default('"'),
      header: z.boolean().default(true),
      /** Unquoted text that means NULL. In columns that are not text, quoted blanks are NULL too. */
      nullValues: z.array(z.string().max(64)).default(['']),
    })
    .prefault({}),
};

export const source = z.strictObject({
  /** Folder (below the staging root) whose files belong to this pipeline; default: the pipeline's name. */
  prefix: prefix.optional(),
  /** On AWS: an Iceberg table below that folder whose appended rows are the records, instead of single files. */
  table: z
    .string()
    .regex(/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/, 'namespace.name in lower case')
    .optional(),
  ...feed,
});

export const limits = z.strictObject({
  /** The run stops, publishing nothing, above any of these. */
  badRows: z.number().int().min(0).default(1_000),
  badRowFraction: z.number().min(0).max(1).default(0.05),
  badFiles: z.number().int().min(0).default(10),
  /** Refused while streaming. */
  fieldBytes: byteSize.default('16 MB'),
  expansion: z.number().min(1).default(200),
  columns: z.number().int().min(1).default(4_000),
  rowGroups: z.number().int().min(1).default(100_000),
});

export const pipelineName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, - and _');

export const maintenance = z.strictObject({
  auto: z.boolean().default(true),
  keepSnapshots: z.number().int().min(1).default(20),
  expireAfter: duration.default('7d'),
  graceForOrphans: duration.default('3d'),
});
