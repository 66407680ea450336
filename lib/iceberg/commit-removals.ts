import { CommitConflictError } from '../errors.ts';
import { normalizeLocation } from '../stores/location.ts';
import type { Location } from '../stores/ports.ts';
import type { AnyIterable } from './commit-added.ts';
import { partitionKey } from './delete-index.ts';
import type { ManifestFile } from './manifest-list.ts';
import { fieldSummaries } from './partition-filter.ts';
import { specById } from './table.ts';
import type { Table } from './table-metadata.ts';
import type { DataFile, PartitionValue } from './types.ts';
import { compareValues } from './values.ts';

/** What identifies a file to remove; with its partition only manifests that can hold it are opened. */
export type RemovedFile = Location | Pick<DataFile, 'location' | 'specId' | 'partition'>;

export interface Removals {
  /** Whether the manifest can hold a file that is still to be found. */
  mayBeIn(manifest: ManifestFile): boolean;
  /** True once for each file to remove. */
  take(content: ManifestFile['content'], location: Location): boolean;
  /** @throws CommitConflictError with details.files */
  assertAllFound(): void;
}

interface Pending {
  readonly locations: Set<Location>;
  /** Distinct partitions of what is to be removed; undefined when some file's partition is unknown. */
  partitions:
    | Map<string, { readonly specId: number; readonly partition: readonly PartitionValue[] }>
    | undefined;
}

export async function removals(
  table: Table,
  data: AnyIterable<RemovedFile>,
  deletes: AnyIterable<RemovedFile>,
): Promise<Removals> {
  const pending = { data: await collect(data), deletes: await collect(deletes) };
  return {
    mayBeIn(manifest) {
      const { locations, partitions } = pending[manifest.content];
      if (locations.size === 0) return false;
      if (partitions === undefined || manifest.partitions === undefined) return true;
      const summaries = fieldSummaries(table, manifest, specById(table, manifest.specId));
      return partitions.values().some(
        ({ specId, partition }) =>
          specId === manifest.specId &&
          summaries.every(({ containsNull, lower, upper }, index) => {
            const value = partition[index] ?? null;
            if (value === null) return containsNull;
            if (lower === undefined || lower === null || upper === undefined || upper === null)
              return !containsNull;
            return compareValues(lower, value) <= 0 && compareValues(value, upper) <= 0;
          }),
      );
    },
    take: (content, location) => pending[content].locations.delete(normalizeLocation(location)),
    assertAllFound() {
      const missing = [...pending.data.locations, ...pending.deletes.locations];
      if (missing.length === 0) return;
      throw new CommitConflictError(
        `${missing.length} file(s) to remove are not live any more, the first is ${missing[0]}`,
        {
          details: { files: missing.slice(0, 100), count: missing.length },
          safe: 'the table is unchanged',
        },
      );
    },
  };
}

async function collect(files: AnyIterable<RemovedFile>): Promise<Pending> {
  const pending: Pending = { locations: new Set(), partitions: new Map() };
  for await (const file of files) {
    if (typeof file === 'string') {
      pending.locations.add(normalizeLocation(file));
      pending.partitions = undefined;
    } else {
      pending.locations.add(normalizeLocation(file.location));
      pending.partitions?.set(partitionKey(file.specId, file.partition), {
        specId: file.specId,
        partition: file.partition,
      });
    }
  }
  return pending;
}
