import { mkdir, statfs } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import { bytes, plural } from '../report/format.ts';
import type { Location } from '../stores/ports.ts';

export interface Fetched {
  /** Root of the store that the files lie in. */
  readonly root: Location;
  /** Folder that they are fetched to. */
  readonly workRoot: string;
  readonly table: string;
  readonly sizes: readonly number[];
}

/** Files of a store that is elsewhere are fetched whole before they are read. @throws UsageError when there is no room */
export async function checkRoom({ root, workRoot, table, sizes }: Fetched): Promise<void> {
  if (root.startsWith('file:')) return;
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  await mkdir(workRoot, { recursive: true });
  const { bavail, bsize } = await statfs(workRoot);
  const free = bavail * bsize;
  if (needed <= free) return;
  throw new UsageError(
    `${table} has ${bytes(needed)} in ${plural(sizes.length, 'file')}, which would be fetched; ${bytes(free)} are free in ${workRoot}`,
    { safe: 'nothing was fetched', next: 'query it with Athena or Spark, or set TMPDIR to a larger disk' },
  );
}
