import { ConfigError } from '../errors.ts';
import { type MetadataChange, writeMetadata } from './metadata-change.ts';
import { fieldByName, withFreshIds } from './schema.ts';
import type { StagedCommit } from './staged.ts';
import { currentSchema } from './table.ts';
import type { Field, IcebergType, Schema } from './types.ts';

/** Schema evolution, https://iceberg.apache.org/spec/#schema-evolution: old files read NULL for a new column. */

export interface AddColumnsOptions extends MetadataChange {
  readonly columns: readonly { readonly name: string; readonly type: IcebergType; readonly doc?: string }[];
}

/** Adds optional columns at the end; ids are given out here, those nested in the given types are ignored. @throws ConfigError */
export async function addColumns(options: AddColumnsOptions): Promise<StagedCommit> {
  const { table, columns } = options;
  const { metadata } = table;
  const schema = currentSchema(table);
  let lastColumnId = metadata.lastColumnId;
  const nextId = () => ++lastColumnId;
  const fields: Field[] = [...schema.fields];
  for (const column of columns) {
    if (fieldByName({ schemaId: 0, fields }, column.name) !== undefined) {
      throw new ConfigError(
        `table ${table.identifier.namespace}.${table.identifier.name} has a column ${column.name} already`,
        { details: { column: column.name } },
      );
    }
    const id = nextId();
    fields.push({
      id,
      name: column.name,
      required: false,
      type: withFreshIds(column.type, nextId),
      ...(column.doc === undefined ? {} : { doc: column.doc }),
    });
  }
  const schemaId = Math.max(...metadata.schemas.map((known) => known.schemaId)) + 1;
  const evolved: Schema = { ...schema, schemaId, fields };
  return writeMetadata({
    ...options,
    metadata: {
      ...metadata,
      lastColumnId,
      schemas: [...metadata.schemas, evolved],
      currentSchemaId: schemaId,
    },
  });
}
