import { parquetMetadataAsync, type SchemaElement } from 'hyparquet';
import { IntegrityError } from '../errors.ts';
import type { Location, ObjectStore } from '../stores/ports.ts';
import { decimalOf } from './schema.ts';
import type { DataFile, IcebergType, PrimitiveType, Schema } from './types.ts';

interface CheckFooterOptions {
  readonly store: ObjectStore;
  /** As its writer's manifest describes it. */
  readonly file: DataFile;
  readonly location: Location;
  readonly schema: Schema;
}

/**
 * Compares a Parquet file's footer with what its manifest and its table's schema say: rows, every column by field id,
 * name and exact type, elements of lists included. Readers find columns by id; Spark's and
 * pyiceberg's refuse a file with a list whose element has none.
 * Fetches the footer alone.
 * @throws IntegrityError names the columns that differ
 */
export async function checkFooter({ store, file, location, schema }: CheckFooterOptions): Promise<void> {
  const metadata = await parquetMetadataAsync({
    byteLength: file.sizeBytes,
    slice: async (start, end = file.sizeBytes) => {
      const bytes = await store.readRange(location, start, end - start);
      return new Uint8Array(bytes).buffer;
    },
  });
  const found = columnsOf(metadata.schema);
  const expected = schema.fields.flatMap(({ id, name, type }) => expectedColumns(id, name, type));
  const problems = [
    ...expected.filter((column) => !found.includes(column)).map((column) => `lacks ${column}`),
    ...found.filter((column) => !expected.includes(column)).map((column) => `has ${column}`),
    ...(Number(metadata.num_rows) === file.rows
      ? []
      : [`holds ${metadata.num_rows} rows instead of ${file.rows}`]),
  ];
  if (problems.length === 0) return;
  throw new IntegrityError(`${location} is not what its engine was asked for: ${problems.join('; ')}`, {
    details: { location, problems },
    safe: 'the file is referenced by nothing',
  });
}

/** @example ['1 id int64', '2 l list', '3 l.element utf8'] */
function expectedColumns(id: number, name: string, type: IcebergType): readonly string[] {
  if (typeof type === 'string') return [`${id} ${name} ${physical(type)}`];
  if (type.type === 'list')
    return [`${id} ${name} list`, ...expectedColumns(type.elementId, `${name}.element`, type.element)];
  throw new TypeError(`${name}: a ${type.type} is not checked`);
}

/** https://iceberg.apache.org/spec/#parquet */
function physical(type: PrimitiveType): string {
  const decimal = decimalOf(type);
  if (decimal !== undefined) {
    // Decimals of up to 9 digits fit INT32, up to 18 INT64; the format lets a writer take the wider one.
    return `decimal(${decimal.precision},${decimal.scale})`;
  }
  switch (type) {
    case 'int':
      return 'int32';
    case 'long':
      return 'int64';
    case 'date':
      return 'date';
    case 'timestamp':
      return 'timestamp-micros';
    case 'string':
      return 'utf8';
    default:
      return type;
  }
}

/** The schema's tree in depth-first order. */
function columnsOf(elements: readonly SchemaElement[]): readonly string[] {
  const columns: string[] = [];
  let at = 0;
  const visit = (prefix: string): void => {
    const element = elements[at];
    if (element === undefined) return;
    at += 1;
    const children = element.num_children ?? 0;
    const isList = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST';
    const path = prefix === '' ? element.name : `${prefix}.${element.name}`;
    if (children === 0) columns.push(`${element.field_id ?? 'no id'} ${path} ${actual(element)}`);
    else if (isList) columns.push(`${element.field_id ?? 'no id'} ${path} list`);
    // The repeated group between a list and its element has no name in the table.
    const isRepeated = element.repetition_type === 'REPEATED' && prefix !== '';
    for (let child = 0; child < children; child += 1) visit(isRepeated ? prefix : path);
  };
  const root = elements[0];
  at = 1;
  for (let child = 0; child < (root?.num_children ?? 0); child += 1) visit('');
  return columns;
}

function actual({ type, converted_type, logical_type, precision, scale }: SchemaElement): string {
  if (converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL')
    return `decimal(${precision},${scale ?? 0})`;
  if (converted_type === 'UTF8' || logical_type?.type === 'STRING') return 'utf8';
  if (converted_type === 'DATE' || logical_type?.type === 'DATE') return 'date';
  if (logical_type?.type === 'TIMESTAMP')
    return `timestamp-${logical_type.unit.toLowerCase()}${logical_type.isAdjustedToUTC ? '-utc' : ''}`;
  if (converted_type === 'TIMESTAMP_MICROS') return 'timestamp-micros-utc';
  return (type ?? 'unknown').toLowerCase();
}
