import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    spillFolder: string;
  }
}

/** Where Spark spills while the suite runs: it ends with its worker, too late for a test file to clean up after it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-spill-'));
  project.provide('spillFolder', folder);
  return () => rm(folder, { recursive: true, force: true });
}
