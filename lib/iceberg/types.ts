import type { Location, TableIdentifier } from '../stores/ports.ts';

/** Iceberg table format v2, https://iceberg.apache.org/spec/. 64-bit values are bigint everywhere. */

export type PrimitiveType =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'string'
  | 'binary'
  | `decimal(${number},${number})`
  | `fixed[${number}]`;

export interface ListType {
  readonly type: 'list';
  readonly elementId: number;
  readonly element: IcebergType;
  readonly elementRequired: boolean;
}
export interface StructType {
  readonly type: 'struct';
  readonly fields: readonly Field[];
}
export interface MapType {
  readonly type: 'map';
  readonly keyId: number;
  readonly key: IcebergType;
  readonly valueId: number;
  readonly value: IcebergType;
  readonly valueRequired: boolean;
}
export type IcebergType = PrimitiveType | ListType | StructType | MapType;

export interface Field {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: IcebergType;
  readonly doc?: string;
}
export interface Schema {
  readonly schemaId: number;
  readonly fields: readonly Field[];
  readonly identifierFieldIds?: readonly number[];
}
export interface PartitionField {
  readonly sourceId: number;
  readonly fieldId: number;
  readonly name: string;
  readonly transform: string;
}
export interface PartitionSpec {
  readonly specId: number;
  readonly fields: readonly PartitionField[];
}

export type PartitionValue = string | number | bigint | boolean | null;

/** Statistics by field id; bounds in Iceberg's single-value binary form. */
export interface DataFile {
  readonly content: 'data' | 'position-deletes' | 'equality-deletes';
  /**
   * As its writer spelt it (Spark: `file:/…`): other engines compare spellings, in manifests and in position deletes.
   * Compare with `normalizeLocation`.
   */
  readonly location: Location;
  readonly format: string;
  readonly specId: number;
  /** In the order of the spec's fields. */
  readonly partition: readonly PartitionValue[];
  readonly rows: number;
  readonly sizeBytes: number;
  readonly columnSizes?: ReadonlyMap<number, number>;
  readonly valueCounts?: ReadonlyMap<number, number>;
  readonly nullCounts?: ReadonlyMap<number, number>;
  readonly nanCounts?: ReadonlyMap<number, number>;
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>;
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>;
  readonly splitOffsets?: readonly number[];
  readonly equalityIds?: readonly number[];
  readonly sortOrderId?: number;
  /** Position deletes that concern one data file only. */
  readonly referencedDataFile?: Location;
}

/** A live entry of a snapshot. */
export interface LiveFile {
  readonly file: DataFile;
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  readonly fileSequenceNumber: bigint;
}

/** A data file with the delete files that apply to it. */
export interface ScanFile extends LiveFile {
  readonly deletes: readonly LiveFile[];
}

export type { TableIdentifier };
