import { localRows } from '../../run/row-groups.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';

/** Prepared files on this machine, for readers of `WHERE bucket = …` only. */
export function preparedPaths(
  store: Pick<ObjectStore, 'localPart'>,
  locations: readonly Location[],
  bucket: number,
): Promise<readonly string[]> {
  const rows = { column: 'bucket', first: bucket, last: bucket };
  return Promise.all(locations.map((location) => localRows(store, location, rows)));
}
