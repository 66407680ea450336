import { UnsupportedFeatureError } from '../errors.ts';
import type { ManifestFile } from './manifest-list.ts';
import { partitionTypes } from './manifest-read.ts';
import { fieldByName } from './schema.ts';
import { specById } from './table.ts';
import type { Table } from './table-metadata.ts';
import { bucketCount } from './transforms.ts';
import type { PartitionSpec, PartitionValue, Schema } from './types.ts';
import { compareValues, singleValueFromBytes } from './values.ts';

/** Of one partition field in one manifest. Bounds are decoded values; undefined when there is none or it is unknown. */
export interface FieldSummary {
  readonly containsNull: boolean;
  readonly lower: PartitionValue | undefined;
  readonly upper: PartitionValue | undefined;
}

/** Which partitions are meant. Both functions must answer true for a spec that they cannot judge. */
export interface PartitionFilter {
  mayMatch(summaries: readonly FieldSummary[], spec: PartitionSpec): boolean;
  matches(partition: readonly PartitionValue[], spec: PartitionSpec): boolean;
}

export interface CellFilterOptions {
  readonly schema: Schema;
  /** `values`, or the closed range `from` to `to`; a null month matches only when `values` holds null. */
  readonly month?: {
    readonly column: string;
    readonly values?: Iterable<PartitionValue>;
    readonly from?: PartitionValue;
    readonly to?: PartitionValue;
  };
  readonly bucket?: { readonly column: string; readonly count: number; readonly values: Iterable<number> };
}

interface Condition {
  readonly sourceId: number;
  readonly isTransform: (transform: string) => boolean;
  readonly accepts: (value: PartitionValue) => boolean;
  readonly overlaps: (summary: FieldSummary) => boolean;
}

/** Cells by month (identity of a column) and bucket; what is left out is not restricted. A spec without these very transforms matches wholly. */
export function cellFilter(options: CellFilterOptions): PartitionFilter {
  const conditions: Condition[] = [];
  const { month, bucket, schema } = options;
  if (month !== undefined)
    conditions.push({
      sourceId: sourceId(schema, month.column),
      isTransform: (transform) => transform === 'identity',
      ...monthCondition(month),
    });
  if (bucket !== undefined) {
    const values = new Set<PartitionValue>(bucket.values);
    conditions.push({
      sourceId: sourceId(schema, bucket.column),
      isTransform: (transform) => bucketCount(transform) === bucket.count,
      accepts: (value) => values.has(value),
      overlaps: (summary) => overlapsValues(summary, values),
    });
  }
  const applicable = (
    spec: PartitionSpec,
  ): readonly { readonly condition: Condition; readonly index: number }[] | undefined => {
    const found = conditions.map((condition) => ({
      condition,
      index: spec.fields.findIndex(
        (field) => field.sourceId === condition.sourceId && condition.isTransform(field.transform),
      ),
    }));
    return found.some(({ index }) => index < 0) ? undefined : found;
  };
  return {
    mayMatch: (summaries, spec) =>
      applicable(spec)?.every(({ condition, index }) => {
        const summary = summaries[index];
        return summary === undefined || condition.overlaps(summary);
      }) ?? true,
    matches: (partition, spec) =>
      applicable(spec)?.every(({ condition, index }) => condition.accepts(partition[index] ?? null)) ?? true,
  };
}

function sourceId(schema: Schema, column: string): number {
  const field = fieldByName(schema, column);
  if (field === undefined)
    throw new UnsupportedFeatureError(`the table has no column ${column} to filter partitions by`, {
      details: { column },
    });
  return field.id;
}

function monthCondition(
  month: NonNullable<CellFilterOptions['month']>,
): Pick<Condition, 'accepts' | 'overlaps'> {
  const { from = null, to = null } = month;
  const inRange = (value: PartitionValue) =>
    value !== null &&
    (from === null || compareValues(value, from) >= 0) &&
    (to === null || compareValues(value, to) <= 0);
  if (month.values === undefined) {
    return {
      accepts: inRange,
      overlaps: ({ lower, upper, containsNull }) => {
        if (lower === undefined || upper === undefined) return !containsNull || lower !== upper;
        return !(
          (from !== null && compareNullable(upper, from) < 0) ||
          (to !== null && compareNullable(lower, to) > 0)
        );
      },
    };
  }
  const values = new Set(month.values);
  return {
    accepts: (value) => values.has(value) && (value === null || inRange(value)),
    overlaps: (summary) => overlapsValues(summary, values),
  };
}

function compareNullable(left: PartitionValue, right: PartitionValue): number {
  return left === null || right === null ? 0 : compareValues(left, right);
}

function overlapsValues(
  { containsNull, lower, upper }: FieldSummary,
  values: ReadonlySet<PartitionValue>,
): boolean {
  for (const value of values) {
    if (value === null) {
      if (containsNull) return true;
    } else if (lower === undefined || lower === null || upper === undefined || upper === null) {
      // Without bounds there are nulls alone, or a writer that kept none: only the second may hold the value.
      if (!containsNull) return true;
    } else if (compareValues(lower, value) <= 0 && compareValues(value, upper) <= 0) return true;
  }
  return false;
}

/** Whether a manifest can hold partitions of the filter. */
export function manifestMayMatch(
  table: Table,
  manifest: ManifestFile,
  filter: PartitionFilter | undefined,
): boolean {
  if (filter === undefined || manifest.partitions === undefined) return true;
  const spec = specById(table, manifest.specId);
  return filter.mayMatch(fieldSummaries(table, manifest, spec), spec);
}

/** Decoded summaries of a manifest's partition fields. */
export function fieldSummaries(
  table: Table,
  manifest: ManifestFile,
  spec: PartitionSpec,
): readonly FieldSummary[] {
  const types = partitionTypes(table, spec);
  return (manifest.partitions ?? []).map((summary, index) => {
    const type = types[index] ?? 'string';
    return {
      containsNull: summary.containsNull,
      lower: summary.lowerBound === undefined ? undefined : singleValueFromBytes(type, summary.lowerBound),
      upper: summary.upperBound === undefined ? undefined : singleValueFromBytes(type, summary.upperBound),
    };
  });
}
