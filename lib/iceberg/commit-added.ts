import { CorruptStateError } from '../errors.ts';
import type { CommitContext } from './commit.ts';
import type { ManifestFile } from './manifest-list.ts';
import { type ManifestWriter, manifestWriter } from './manifest-write.ts';
import type { DataFile, PartitionValue } from './types.ts';
import { compareValues } from './values.ts';

export type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

/** Entries that are sorted together before they are cut into manifests. */
const sortedTogether = 8_000;

/** Manifests of new files, clustered so that the partition summaries prune: by the last partition field (the bucket) first. */
export async function addedManifests(
  context: CommitContext,
  content: 'data' | 'deletes',
  files: AnyIterable<DataFile>,
): Promise<readonly ManifestFile[]> {
  const writers = new Map<number, ManifestWriter>();
  let buffer: DataFile[] = [];

  async function flush(): Promise<void> {
    buffer.sort(byPartition);
    for (const file of buffer) {
      let writer = writers.get(file.specId);
      if (writer === undefined) {
        writer = manifestWriter(context.writer(content, file.specId));
        writers.set(file.specId, writer);
      }
      await writer.add({ status: 'added', file });
      context.tally.added(file);
    }
    buffer = [];
  }

  for await (const file of files) {
    if ((file.content === 'data') !== (content === 'data'))
      throw new CorruptStateError(`${file.location} is a ${file.content} file among ${content}`);
    buffer.push(file);
    if (buffer.length >= sortedTogether) await flush();
  }
  await flush();
  const manifests: ManifestFile[] = [];
  for (const writer of writers.values()) manifests.push(...(await writer.finish()));
  return manifests;
}

export function byPartition(
  left: Pick<DataFile, 'specId' | 'partition'>,
  right: Pick<DataFile, 'specId' | 'partition'>,
): number {
  if (left.specId !== right.specId) return left.specId - right.specId;
  for (let index = left.partition.length - 1; index >= 0; index -= 1) {
    const order = nullsFirst(left.partition[index] ?? null, right.partition[index] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

function nullsFirst(left: PartitionValue, right: PartitionValue): number {
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
  return compareValues(left, right);
}
