import { accessSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';
const roomBytes = 4e9;

let environment: { readonly TMPDIR: string } | undefined;

/**
 * Environment in which the tests of this process's workers have a folder of their own, which goes with the process. It is in memory where
 * there is room and nobody asked for another place: tests write many small files durably, and none takes the power away.
 */
export function inOwnFolder(): { readonly TMPDIR: string } {
  environment ??= { TMPDIR: makeFolder(hasRoom() ? memory : tmpdir()) };
  return environment;
}

function makeFolder(place: string): string {
  const folder = mkdtempSync(join(place, 'partwise-tests-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

function hasRoom(): boolean {
  if (process.env['TMPDIR'] !== undefined) return false;
  try {
    accessSync(memory, constants.W_OK);
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize >= roomBytes;
  } catch {
    return false;
  }
}
