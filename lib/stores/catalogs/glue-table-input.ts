import type { Column, StorageDescriptor, Table, TableInput } from '@aws-sdk/client-glue';
import { CorruptStateError } from '../../errors.ts';
import type { Location } from '../ports.ts';

/** What Glue shows of a table's metadata file. Engines read the file itself; these columns are for people and for Athena's list. */
interface ShownMetadata {
  readonly location: Location;
  readonly schemas: readonly { readonly 'schema-id': number; readonly fields: readonly ShownField[] }[];
  readonly 'current-schema-id': number;
}

interface ShownField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly doc?: string;
  readonly type: unknown;
}

/**
 * The Glue table of an Iceberg table, as org.apache.iceberg.aws.glue.IcebergToGlueConverter makes it: the parameters
 * `table_type`, `metadata_location` and `previous_metadata_location`, and a storage descriptor with the columns.
 * What else `before` holds stays.
 */
export function tableInput(options: {
  readonly name: string;
  readonly before: Table | undefined;
  readonly next: Location;
  readonly previous: Location | undefined;
  readonly metadata: unknown;
}): TableInput {
  const { before, previous } = options;
  const { Description, Owner, Retention, Parameters = {} } = before ?? {};
  return {
    ...(Description === undefined ? {} : { Description }),
    ...(Owner === undefined ? {} : { Owner }),
    ...(Retention === undefined ? {} : { Retention }),
    Name: options.name,
    TableType: 'EXTERNAL_TABLE',
    Parameters: {
      ...Parameters,
      table_type: 'ICEBERG',
      metadata_location: options.next,
      ...(previous === undefined ? {} : { previous_metadata_location: previous }),
    },
    StorageDescriptor: storageDescriptor(options.metadata as ShownMetadata, options.next),
  };
}

function storageDescriptor(metadata: ShownMetadata, location: Location): StorageDescriptor {
  if (!Array.isArray(metadata.schemas) || typeof metadata.location !== 'string')
    throw new CorruptStateError(`${location} is not a table's metadata`, { details: { location } });
  const current = metadata['current-schema-id'];
  const columns = new Map<string, Column>();
  const isCurrent = (schema: ShownMetadata['schemas'][number]) => schema['schema-id'] === current;
  const ordered = [
    ...metadata.schemas.filter(isCurrent),
    ...metadata.schemas.filter((one) => !isCurrent(one)),
  ];
  for (const schema of ordered)
    for (const field of schema.fields)
      if (!columns.has(field.name)) columns.set(field.name, column(field, isCurrent(schema)));
  return { Location: metadata.location, Columns: [...columns.values()] };
}

function column(field: ShownField, current: boolean): Column {
  return {
    Name: field.name,
    Type: glueType(field.type),
    // Glue refuses longer comments.
    ...(field.doc === undefined ? {} : { Comment: field.doc.slice(0, 255) }),
    Parameters: {
      'iceberg.field.id': String(field.id),
      'iceberg.field.optional': String(!field.required),
      'iceberg.field.current': String(current),
    },
  };
}

const plainTypes: Readonly<Record<string, string>> = {
  long: 'bigint',
  time: 'string',
  uuid: 'string',
  timestamptz: 'timestamp',
};

/** @example glueType({ type: 'list', element: 'long' }) // 'array<bigint>' */
export function glueType(type: unknown): string {
  if (typeof type === 'string') {
    if (type.startsWith('decimal')) return type.replaceAll(' ', '');
    if (type.startsWith('fixed')) return 'binary';
    return plainTypes[type] ?? type;
  }
  const nested = type as {
    readonly type: string;
    readonly element?: unknown;
    readonly key?: unknown;
    readonly value?: unknown;
    readonly fields?: readonly ShownField[];
  };
  if (nested.type === 'list') return `array<${glueType(nested.element)}>`;
  if (nested.type === 'map') return `map<${glueType(nested.key)},${glueType(nested.value)}>`;
  const fields = (nested.fields ?? []).map((field) => `${field.name}:${glueType(field.type)}`);
  return `struct<${fields.join(',')}>`;
}
