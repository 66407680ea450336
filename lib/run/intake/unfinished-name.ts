import { basename } from 'node:path';

/** Whether a name below a feed's folder says that the file is hidden or still being written. */
export function isUnfinishedName(relativePath: string): boolean {
  return /^[._]|\.(tmp|partial)$/.test(basename(relativePath)) || /(^|\/)[._][^/]*\//.test(relativePath);
}
