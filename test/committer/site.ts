import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJob, readCommitted } from '../../lib/committer/index.ts';
import type { Job, Output } from '../../lib/committer/types.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { openDirectoryPending } from '../../lib/stores/folder/directory-pending.ts';
import { joinLocation } from '../../lib/stores/location.ts';

export const hour = 3_600_000;

export interface Site extends AsyncDisposable {
  readonly output: Output;
  readonly path: string;
  readonly job: (
    runId: string,
    options?: { attempt?: number; epoch?: number; output?: Output },
  ) => Promise<Job>;
}

/** A destination in a directory of its own. The clock can be set forward. */
export async function openSite(): Promise<Site & { forward(ms: number): void }> {
  const path = await mkdtemp(join(tmpdir(), 'partwise-committer-'));
  const store = await openDirectoryStore({ path });
  let aheadMs = 0;
  const output: Output = {
    store,
    pending: await openDirectoryPending({ path }),
    destination: joinLocation(store.root, 'out'),
    clock: { now: () => Date.now() + aheadMs },
  };
  return {
    output,
    path,
    forward: (ms) => {
      aheadMs += ms;
    },
    job: (runId, { attempt = 1, epoch = 1, output: other = output } = {}) =>
      openJob({ ...other, runId, attempt, epoch }),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

export async function* content(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

/** Names that a reader who skips hidden ones sees, with their content. */
export async function visible({ store, destination }: Output): Promise<Readonly<Record<string, string>>> {
  const seen: Record<string, string> = {};
  for await (const { location } of store.list(`${destination}/`)) {
    const name = location.slice(destination.length + 1);
    if (/^[._]/.test(name)) continue;
    seen[name] = new TextDecoder().decode(await store.read(location));
  }
  return seen;
}

/** Everything that a job has left besides its files and its commit record. */
export async function leftovers({ store, pending, destination }: Output): Promise<readonly string[]> {
  const left: string[] = [];
  for await (const { location } of store.list(`${destination}/.pending/`)) left.push(location);
  for await (const { destination: file } of pending.list(`${destination}/`)) left.push(`upload of ${file}`);
  return left;
}

export async function committedNames(
  { store, destination }: Output,
  runId: string,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const file of readCommitted({ store, destination, runId })) {
    names.push(file.destination.slice(destination.length + 1));
    const bytes = await store.read(file.destination);
    if (createHash('sha256').update(bytes).digest('hex') !== file.sha256 || bytes.length !== file.sizeBytes)
      throw new Error(`${file.destination} is not what its commit record says`);
  }
  return names.sort();
}
