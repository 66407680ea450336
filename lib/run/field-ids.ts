import type { FieldIdTree } from '../engine/engine.ts';
import type { Schema } from '../iceberg/types.ts';

/** `FIELD_IDS` for a file that holds all columns of the schema. */
export function fieldIds(schema: Pick<Schema, 'fields'>): FieldIdTree {
  return Object.fromEntries(
    schema.fields.map(({ name, id, type }) => [
      name,
      typeof type === 'object' && type.type === 'list' ? { id, children: { element: type.elementId } } : id,
    ]),
  );
}
