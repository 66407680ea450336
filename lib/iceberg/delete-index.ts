import { normalizeLocation } from '../stores/location.ts';
import type { Location } from '../stores/ports.ts';
import type { LiveFile, PartitionSpec, PartitionValue } from './types.ts';
import { compareValues } from './values.ts';

/** Reserved ids of a position-delete file's columns, https://iceberg.apache.org/spec/#reserved-field-ids. */
export const positionDeleteFieldIds = { file_path: 2147483546, pos: 2147483545 } as const;

export interface DeleteIndex {
  add(file: LiveFile): void;
  /** Delete files that apply to the data file, by https://iceberg.apache.org/spec/#scan-planning. */
  for(data: LiveFile): readonly LiveFile[];
}

const none: readonly LiveFile[] = [];

export function deleteIndex(specs: readonly PartitionSpec[]): DeleteIndex {
  const byPath = new Map<Location, LiveFile[]>();
  const byPartition = new Map<string, Ranged[]>();
  const global: LiveFile[] = [];
  const unpartitioned = new Set(
    specs
      .filter((spec) => spec.fields.every((field) => field.transform === 'void'))
      .map((spec) => spec.specId),
  );
  let empty = true;

  return {
    add(live) {
      empty = false;
      const { file } = live;
      // Equality deletes of an unpartitioned spec apply to every older file; all others to their own partition.
      if (file.content === 'equality-deletes' && unpartitioned.has(file.specId)) {
        global.push(live);
        return;
      }
      const range = file.content === 'position-deletes' ? pathRange(live) : undefined;
      if (range !== undefined && range.lower === range.upper) push(byPath, range.lower, live);
      else push(byPartition, partitionKey(file.specId, file.partition), { live, range });
    },
    for(data) {
      if (empty) return none;
      const { file, sequenceNumber } = data;
      const location = normalizeLocation(file.location);
      const found: LiveFile[] = [];
      for (const live of byPath.get(location) ?? none)
        if (live.sequenceNumber >= sequenceNumber) found.push(live);
      for (const { live, range } of byPartition.get(partitionKey(file.specId, file.partition)) ?? []) {
        // A position delete may come with its data file in one commit, an equality delete only after it.
        const applies =
          live.file.content === 'position-deletes'
            ? live.sequenceNumber >= sequenceNumber
            : live.sequenceNumber > sequenceNumber;
        if (applies && inRange(location, range)) found.push(live);
      }
      for (const live of global) if (live.sequenceNumber > sequenceNumber) found.push(live);
      return found.length === 0 ? none : found;
    },
  };
}

interface Ranged {
  readonly live: LiveFile;
  readonly range: PathRange | undefined;
}

interface PathRange {
  readonly lower: Location;
  readonly upper: Location;
}

const decoder = new TextDecoder();
const shortestBound = 'file:///'.length;

/** Data files that a position-delete file can concern: the one it names, or those between its `file_path` bounds. */
function pathRange({ file }: LiveFile): PathRange | undefined {
  if (file.referencedDataFile !== undefined) return samePath(file.referencedDataFile);
  const lowerBytes = file.lowerBounds?.get(positionDeleteFieldIds.file_path);
  const upperBytes = file.upperBounds?.get(positionDeleteFieldIds.file_path);
  if (lowerBytes === undefined || upperBytes === undefined) return undefined;
  // Other engines may cut bounds; one that is cut within the scheme cannot be compared across spellings of it.
  if (lowerBytes.length < shortestBound || upperBytes.length < shortestBound) return undefined;
  return {
    lower: normalizeLocation(decoder.decode(lowerBytes)),
    upper: normalizeLocation(decoder.decode(upperBytes)),
  };
}

function samePath(location: Location): PathRange {
  const normal = normalizeLocation(location);
  return { lower: normal, upper: normal };
}

function inRange(location: Location, range: PathRange | undefined): boolean {
  return (
    range === undefined ||
    (compareValues(range.lower, location) <= 0 && compareValues(location, range.upper) <= 0)
  );
}

export function partitionKey(specId: number, partition: readonly PartitionValue[]): string {
  let key = String(specId);
  for (const value of partition)
    key += typeof value === 'string' ? `|s${value.length}:${value}` : `|${value}`;
  return key;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [value]);
  else found.push(value);
}
