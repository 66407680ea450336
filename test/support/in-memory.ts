import { accessSync, constants, statfsSync } from 'node:fs';

const folder = '/dev/shm';
const roomBytes = 4e9;

/**
 * Environment of tests that write many small files durably and outlive them: no test takes the power away, so what they write
 * need not reach a disk. Empty where a folder is asked for, or no memory can be one, or too little of it.
 */
export function inMemory(): { readonly TMPDIR?: string } {
  if (process.env['TMPDIR'] !== undefined) return {};
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= roomBytes ? { TMPDIR: folder } : {};
  } catch {
    return {};
  }
}
