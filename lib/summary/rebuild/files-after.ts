import { type DataFile, dataFileFromJson, type RemovedFile } from '../../iceberg/index.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import { normalizeLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import type { DeleteFileSpec, FileSpec } from '../types.ts';

/** The files of a bucket as they are once the change of one cell is published. Delete files of the change name the data file they are for. */
export function filesAfter(
  before: readonly FileSpec[],
  change: TableChange,
  cell: { readonly month: number },
): readonly FileSpec[] {
  const removed = new Set(change.removed.map(locationOf));
  const removedDeletes = new Set(change.removedDeletes.map(locationOf));
  const addedDeletes = change.addedDeletes.map(dataFileFromJson);
  const kept = before
    .filter(({ location }) => !removed.has(normalizeLocation(location)))
    .map((file): FileSpec => {
      const old = file.deletes.filter(({ location }) => !removedDeletes.has(normalizeLocation(location)));
      const fresh = addedDeletes.filter(
        ({ referencedDataFile }) =>
          referencedDataFile !== undefined &&
          normalizeLocation(referencedDataFile) === normalizeLocation(file.location),
      );
      return { ...file, deletes: [...old, ...fresh.map(deleteSpec)] };
    });
  const added = change.added.map(dataFileFromJson).map(
    (file): FileSpec => ({
      ...deleteSpec(file),
      month: cell.month,
      sizeBytes: file.sizeBytes,
      deletes: [],
    }),
  );
  return [...kept, ...added];
}

function locationOf(file: RemovedFile): Location {
  return normalizeLocation(typeof file === 'string' ? file : file.location);
}

function deleteSpec({ location, specId, partition, rows }: DataFile): DeleteFileSpec {
  return {
    location,
    specId,
    partition: partition.map((value) => (typeof value === 'bigint' ? Number(value) : value)),
    rows,
  };
}
