import type { CommitContext } from './commit.ts';
import type { Removals } from './commit-removals.ts';
import { type ManifestFile, mayHaveLive } from './manifest-list.ts';
import { type ManifestEntry, readManifest } from './manifest-read.ts';
import { manifestWriter } from './manifest-write.ts';

/**
 * The parent's manifests in the new snapshot: as they are where nothing in them is removed, rewritten with EXISTING and
 * DELETED entries otherwise. A manifest is opened only while something in it may be left to remove.
 */
export async function carryOver(
  context: CommitContext,
  inherited: readonly ManifestFile[],
  removed: Removals,
): Promise<readonly ManifestFile[]> {
  const carried: ManifestFile[] = [];
  for (const manifest of inherited) {
    if (!mayHaveLive(manifest)) continue;
    if (!removed.mayBeIn(manifest)) carried.push(manifest);
    else carried.push(...(await withoutRemoved(context, manifest, removed)));
  }
  return carried;
}

async function withoutRemoved(
  context: CommitContext,
  manifest: ManifestFile,
  removed: Removals,
): Promise<readonly ManifestFile[]> {
  const { store, table } = context;
  const kept: ManifestEntry[] = [];
  const gone: ManifestEntry[] = [];
  for (const entry of await readManifest({ store, table, manifest, statistics: true })) {
    if (entry.status === 'deleted') continue;
    if (removed.take(manifest.content, entry.file.location)) gone.push(entry);
    else kept.push(entry);
  }
  if (gone.length === 0) return [manifest];
  // One file for one file: carrying over must not multiply manifests.
  const writer = manifestWriter({
    ...context.writer(manifest.content, manifest.specId),
    entriesPerManifest: Number.POSITIVE_INFINITY,
  });
  for (const entry of gone) {
    context.tally.removed(entry.file);
    await writer.add({ ...entry, status: 'deleted' });
  }
  for (const entry of kept) await writer.add({ ...entry, status: 'existing' });
  return writer.finish();
}
