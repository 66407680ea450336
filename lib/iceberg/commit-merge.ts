import type { CommitContext } from './commit.ts';
import { byPartition } from './commit-added.ts';
import type { ManifestFile } from './manifest-list.ts';
import { type ManifestEntry, readManifest } from './manifest-read.ts';
import { manifestWriter } from './manifest-write.ts';

/** Iceberg's own default for `commit.manifest.min-count-to-merge`. */
const defaultMinimum = 100;
/** Entries that are sorted together; bounds the memory of a merge. */
const sortedTogether = 8_000;

/**
 * Rewrites the small manifests of one content and spec into full ones once there are many of them, so that planning
 * stays fast under many small commits. Files keep their sequence numbers and the snapshot that added them.
 */
export async function mergeSmall(
  context: CommitContext,
  carried: readonly ManifestFile[],
  entriesPerManifest: number,
): Promise<readonly ManifestFile[]> {
  const { properties } = context.table.metadata;
  if (properties['commit.manifest-merge.enabled'] === 'false') return carried;
  const minimum = Math.max(
    2,
    Number(properties['commit.manifest.min-count-to-merge'] ?? defaultMinimum) || defaultMinimum,
  );
  const groups = Map.groupBy(
    carried,
    (manifest) => `${manifest.content} ${manifest.specId} ${isSmall(context, manifest, entriesPerManifest)}`,
  );
  const result: ManifestFile[] = [];
  for (const [name, group] of groups) {
    if (!name.endsWith('true') || group.length < minimum) result.push(...group);
    else result.push(...(await merge(context, group)));
  }
  return result;
}

/** Less than half full, and not of this very commit: its DELETED entries must stay. */
function isSmall({ snapshotId }: CommitContext, manifest: ManifestFile, entriesPerManifest: number): boolean {
  if (manifest.addedSnapshotId === snapshotId) return false;
  return (manifest.addedFiles ?? 0) + (manifest.existingFiles ?? 0) < entriesPerManifest / 2;
}

async function merge(
  context: CommitContext,
  group: readonly ManifestFile[],
): Promise<readonly ManifestFile[]> {
  const { store, table } = context;
  const [first] = group;
  if (first === undefined) return [];
  const writer = manifestWriter(context.writer(first.content, first.specId));
  let buffer: ManifestEntry[] = [];
  const flush = async () => {
    buffer.sort((left, right) => byPartition(left.file, right.file));
    for (const entry of buffer) await writer.add({ ...entry, status: 'existing' });
    buffer = [];
  };
  for (const manifest of group) {
    for (const entry of await readManifest({ store, table, manifest, statistics: true })) {
      if (entry.status !== 'deleted') buffer.push(entry);
    }
    if (buffer.length >= sortedTogether) await flush();
  }
  await flush();
  return writer.finish();
}
