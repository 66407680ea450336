import type { WrittenColumn, WrittenFile } from '../engine/engine.ts';
import { IntegrityError } from '../errors.ts';
import { normalizeLocation } from '../stores/location.ts';
import type { Location } from '../stores/ports.ts';
import { lowerBound, upperBound } from './bounds.ts';
import { positionDeleteFieldIds } from './delete-index.ts';
import type {
  DataFile,
  Field,
  IcebergType,
  PartitionSpec,
  PartitionValue,
  PrimitiveType,
  Schema,
} from './types.ts';
import { singleValueToBytes } from './values.ts';

export interface DataFileFromWrittenOptions {
  readonly written: WrittenFile;
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly partition: readonly PartitionValue[];
  /** Where the file lies in the store. */
  readonly location: Location;
  /** Default `data`. Position deletes have the columns file_path and pos. */
  readonly content?: 'data' | 'position-deletes';
  /** Only for position deletes that concern one data file: its location as its manifest spells it, which Spark compares byte by byte. */
  readonly referencedDataFile?: Location;
  readonly sortOrderId?: number;
}

const positionDeleteSchema: Schema = {
  schemaId: 0,
  fields: [
    { id: positionDeleteFieldIds.file_path, name: 'file_path', required: true, type: 'string' },
    { id: positionDeleteFieldIds.pos, name: 'pos', required: true, type: 'long' },
  ],
};

/**
 * A manifest's description of a file that the engine has just written; the footer is not read again.
 * @throws IntegrityError when the partition does not fit the spec
 */
export function dataFileFromWritten(options: DataFileFromWrittenOptions): DataFile {
  const { written, spec, partition } = options;
  if (partition.length !== spec.fields.length) {
    throw new IntegrityError(
      `${options.location}: ${partition.length} partition values for ${spec.fields.length} fields`,
      { details: { location: options.location } },
    );
  }
  const content = options.content ?? 'data';
  const schema = content === 'data' ? options.schema : positionDeleteSchema;
  const columnSizes = new Map<number, number>();
  const valueCounts = new Map<number, number>();
  const nullCounts = new Map<number, number>();
  const lowerBounds = new Map<number, Uint8Array>();
  const upperBounds = new Map<number, Uint8Array>();
  for (const [path, column] of Object.entries(written.columns)) {
    const leaf = findLeaf(schema.fields, path);
    if (leaf === undefined) continue;
    if (column.sizeBytes !== undefined) columnSizes.set(leaf.id, column.sizeBytes);
    // Counts of elements are not counts of rows, and the format keeps no bounds below lists and maps.
    if (leaf.repeated) continue;
    if (column.valueCount !== undefined) valueCounts.set(leaf.id, column.valueCount);
    if (column.nullCount !== undefined) nullCounts.set(leaf.id, column.nullCount);
    const [lower, upper] = content === 'data' ? bounds(leaf.type, column) : exactBounds(leaf.type, column);
    if (lower !== undefined) lowerBounds.set(leaf.id, lower);
    if (upper !== undefined) upperBounds.set(leaf.id, upper);
  }
  return {
    content,
    location: normalizeLocation(options.location),
    format: 'parquet',
    specId: spec.specId,
    partition,
    rows: written.rows,
    sizeBytes: written.sizeBytes,
    columnSizes,
    valueCounts,
    nullCounts,
    lowerBounds,
    upperBounds,
    ...(options.sortOrderId === undefined ? {} : { sortOrderId: options.sortOrderId }),
    ...(options.referencedDataFile === undefined ? {} : { referencedDataFile: options.referencedDataFile }),
  };
}

type Bounds = readonly [Uint8Array | undefined, Uint8Array | undefined];
const unknown: Bounds = [undefined, undefined];

/** With NaN in the column an engine's minimum and maximum mean different things in different engines. */
function bounds(type: PrimitiveType, column: WrittenColumn): Bounds {
  if (column.hasNan === true) return unknown;
  return [
    column.min === undefined ? undefined : lowerBound(type, column.min),
    column.max === undefined ? undefined : upperBound(type, column.max),
  ];
}

/** Bounds of file_path are never cut: equal ones tell readers which data file the deletes belong to. */
function exactBounds(type: PrimitiveType, column: WrittenColumn): Bounds {
  if (type !== 'string') return bounds(type, column);
  if (column.min === undefined || column.max === undefined) return unknown;
  return [singleValueToBytes(type, column.min), singleValueToBytes(type, column.max)];
}

interface Leaf {
  readonly id: number;
  readonly type: PrimitiveType;
  readonly repeated: boolean;
}

/** Column names may hold dots, so the path is matched against the names instead of being split. */
function findLeaf(fields: readonly Field[], path: string): Leaf | undefined {
  for (const field of fields) {
    const found = descend(field.id, field.name, field.type, path, false);
    if (found !== undefined) return found;
  }
  return undefined;
}

function descend(
  id: number,
  name: string,
  type: IcebergType,
  path: string,
  repeated: boolean,
): Leaf | undefined {
  if (typeof type === 'string') return path === name ? { id, type, repeated } : undefined;
  if (!path.startsWith(`${name}.`)) return undefined;
  const rest = path.slice(name.length + 1);
  switch (type.type) {
    case 'struct':
      for (const field of type.fields) {
        const found = descend(field.id, field.name, field.type, rest, repeated);
        if (found !== undefined) return found;
      }
      return undefined;
    case 'list':
      return descend(type.elementId, 'element', type.element, rest, true);
    case 'map':
      return (
        descend(type.keyId, 'key', type.key, rest, true) ??
        descend(type.valueId, 'value', type.value, rest, true)
      );
  }
}
