import { CommitConflictError } from '../errors.ts';
import type { Table } from './table-metadata.ts';
import type { PartitionField, PartitionSpec } from './types.ts';

/** Partition evolution, https://iceberg.apache.org/spec/#partition-evolution: files keep the spec that they were written with. */

/**
 * The spec that the table gets with these partition fields: one that it has already, else the next one. A field that an
 * earlier spec has, by source and transform, keeps its id and its name. The same table and fields give the same spec.
 */
export function specFor(
  { metadata }: Table,
  fields: readonly Omit<PartitionField, 'fieldId'>[],
): PartitionSpec {
  const used = metadata.specs.flatMap((spec) => spec.fields);
  const names = new Set([
    ...used.map(({ name }) => name),
    ...metadata.schemas.flatMap((schema) => schema.fields.map(({ name }) => name)),
  ]);
  let nextId = Math.max(metadata.lastPartitionId, 999) + 1;
  const numbered = fields.map((field): PartitionField => {
    const known = used.find(
      ({ sourceId, transform }) => sourceId === field.sourceId && transform === field.transform,
    );
    if (known !== undefined) return known;
    let name = field.name;
    while (names.has(name)) name = `${name}_`;
    return { ...field, name, fieldId: nextId++ };
  });
  const same = metadata.specs.find((spec) => textOf(spec.fields) === textOf(numbered));
  return same ?? { specId: Math.max(...metadata.specs.map(({ specId }) => specId)) + 1, fields: numbered };
}

/**
 * The table with the spec as the one that new files are written with, not written anywhere.
 * @throws CommitConflictError when the table has another spec or another field under its ids
 */
export function withDefaultSpec(table: Table, spec: PartitionSpec): Table {
  const { metadata } = table;
  const known = metadata.specs.find(({ specId }) => specId === spec.specId);
  const others = metadata.specs.flatMap((one) => one.fields);
  const clashes = spec.fields.some((field) =>
    others.some((other) => other.fieldId === field.fieldId && textOf([other]) !== textOf([field])),
  );
  if (clashes || (known !== undefined && textOf(known.fields) !== textOf(spec.fields)))
    throw new CommitConflictError(
      `the partitioning of ${table.identifier.namespace}.${table.identifier.name} was changed by another writer`,
      { details: { specId: spec.specId, replan: true }, safe: 'the table is as the other writer left it' },
    );
  return {
    ...table,
    metadata: {
      ...metadata,
      specs: known === undefined ? [...metadata.specs, spec] : metadata.specs,
      defaultSpecId: spec.specId,
      lastPartitionId: Math.max(metadata.lastPartitionId, ...spec.fields.map(({ fieldId }) => fieldId)),
    },
  };
}

function textOf(fields: readonly PartitionField[]): string {
  return JSON.stringify(fields.map((one) => [one.fieldId, one.sourceId, one.transform, one.name]));
}
