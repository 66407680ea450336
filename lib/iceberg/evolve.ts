import { ConfigError } from '../errors.ts';
import { type MetadataChange, writeMetadata } from './metadata-change.ts';
import { fieldByName, withFreshIds } from './schema.ts';
import type { StagedCommit } from './staged.ts';
import { currentSchema } from './table.ts';
import type { Table } from './table-metadata.ts';
import type { Field, IcebergType, Schema } from './types.ts';

/** Schema evolution, https://iceberg.apache.org/spec/#schema-evolution: old files read NULL for a new column. */

interface NewColumn {
  readonly name: string;
  readonly type: IcebergType;
  readonly doc?: string;
}

export interface AddColumnsOptions extends MetadataChange {
  readonly columns: readonly NewColumn[];
}

/** Adds optional columns at the end. @throws ConfigError */
export async function addColumns(options: AddColumnsOptions): Promise<StagedCommit> {
  const { metadata } = withColumns(options.table, options.columns);
  return writeMetadata({ ...options, metadata });
}

/**
 * The table with optional columns added at the end of a new current schema, not written anywhere. Ids are given out
 * here, from the last one that the table has used; those nested in the given types are ignored. The same table and
 * columns give the same ids.
 * @throws ConfigError when a column is there already
 */
function withColumns(table: Table, columns: readonly NewColumn[]): Table {
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
  return {
    ...table,
    metadata: {
      ...metadata,
      lastColumnId,
      schemas: [...metadata.schemas, evolved],
      currentSchemaId: schemaId,
    },
  };
}

/** The table with those of the columns that it lacks; the table itself when it lacks none. */
export function withMissingColumns(table: Table, columns: readonly NewColumn[]): Table {
  const missing = columns.filter(({ name }) => fieldByName(currentSchema(table), name) === undefined);
  return missing.length === 0 ? table : withColumns(table, missing);
}

/** Columns that the table got after it was made: NULL in the rows that were stored before. */
export function laterColumns(table: Table): ReadonlySet<string> {
  const first = table.metadata.schemas.toSorted((a, b) => a.schemaId - b.schemaId)[0];
  const ids = new Set(first?.fields.map((field) => field.id));
  return new Set(
    currentSchema(table)
      .fields.filter((field) => !ids.has(field.id))
      .map((field) => field.name),
  );
}
