import { CorruptStateError, UnsupportedFeatureError } from '../errors.ts';
import { asArray, asBoolean, asInt, asObject, asString, optional } from './json-read.ts';
import type { Field, IcebergType, PrimitiveType, Schema } from './types.ts';

/** Schemas and types as JSON, https://iceberg.apache.org/spec/#appendix-c-json-serialization. */

const plainTypes: ReadonlySet<string> = new Set([
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'string',
  'binary',
]);

/** @throws UnsupportedFeatureError for types of format v3 and UUID */
function primitiveType(text: string): PrimitiveType {
  if (plainTypes.has(text)) return text as PrimitiveType;
  const decimal = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(text);
  if (decimal !== null) return `decimal(${Number(decimal[1])},${Number(decimal[2])})`;
  const fixed = /^fixed\[\s*(\d+)\s*\]$/.exec(text);
  if (fixed !== null) return `fixed[${Number(fixed[1])}]`;
  throw new UnsupportedFeatureError(`column type ${text} is not supported`, { details: { type: text } });
}

export function decimalOf(
  type: IcebergType,
): { readonly precision: number; readonly scale: number } | undefined {
  const found = typeof type === 'string' ? /^decimal\((\d+),(\d+)\)$/.exec(type) : null;
  return found === null ? undefined : { precision: Number(found[1]), scale: Number(found[2]) };
}

export function fixedLengthOf(type: IcebergType): number | undefined {
  const found = typeof type === 'string' ? /^fixed\[(\d+)\]$/.exec(type) : null;
  return found === null ? undefined : Number(found[1]);
}

function typeFromJson(json: unknown, path = 'type'): IcebergType {
  if (typeof json === 'string') return primitiveType(json);
  const object = asObject(json, path);
  switch (object['type']) {
    case 'struct':
      return { type: 'struct', fields: fieldsFromJson(object['fields'], `${path}.fields`) };
    case 'list':
      return {
        type: 'list',
        elementId: asInt(object['element-id'], `${path}.element-id`),
        element: typeFromJson(object['element'], `${path}.element`),
        elementRequired: asBoolean(object['element-required'], `${path}.element-required`),
      };
    case 'map':
      return {
        type: 'map',
        keyId: asInt(object['key-id'], `${path}.key-id`),
        key: typeFromJson(object['key'], `${path}.key`),
        valueId: asInt(object['value-id'], `${path}.value-id`),
        value: typeFromJson(object['value'], `${path}.value`),
        valueRequired: asBoolean(object['value-required'], `${path}.value-required`),
      };
    default:
      throw new CorruptStateError(`${path}: unknown type ${String(object['type'])}`);
  }
}

function typeToJson(type: IcebergType): unknown {
  if (typeof type === 'string') {
    const decimal = decimalOf(type);
    return decimal === undefined ? type : `decimal(${decimal.precision}, ${decimal.scale})`;
  }
  switch (type.type) {
    case 'struct':
      return { type: 'struct', fields: type.fields.map(fieldToJson) };
    case 'list':
      return {
        type: 'list',
        'element-id': type.elementId,
        element: typeToJson(type.element),
        'element-required': type.elementRequired,
      };
    case 'map':
      return {
        type: 'map',
        'key-id': type.keyId,
        key: typeToJson(type.key),
        'value-id': type.valueId,
        value: typeToJson(type.value),
        'value-required': type.valueRequired,
      };
  }
}

function fieldsFromJson(json: unknown, path: string): readonly Field[] {
  return asArray(json, path).map((item, index) => {
    const at = `${path}[${index}]`;
    const object = asObject(item, at);
    const doc = optional(object['doc'], `${at}.doc`, asString);
    return {
      id: asInt(object['id'], `${at}.id`),
      name: asString(object['name'], `${at}.name`),
      required: asBoolean(object['required'], `${at}.required`),
      type: typeFromJson(object['type'], `${at}.type`),
      ...(doc === undefined ? {} : { doc }),
    };
  });
}

function fieldToJson(field: Field): unknown {
  return {
    id: field.id,
    name: field.name,
    required: field.required,
    type: typeToJson(field.type),
    ...(field.doc === undefined ? {} : { doc: field.doc }),
  };
}

export function schemaFromJson(json: unknown, path = 'schema'): Schema {
  const object = asObject(json, path);
  const identifiers = optional(object['identifier-field-ids'], `${path}.identifier-field-ids`, asArray);
  return {
    schemaId: optional(object['schema-id'], `${path}.schema-id`, asInt) ?? 0,
    fields: fieldsFromJson(object['fields'], `${path}.fields`),
    ...(identifiers === undefined || identifiers.length === 0
      ? {}
      : { identifierFieldIds: identifiers.map((id) => asInt(id, `${path}.identifier-field-ids`)) }),
  };
}

export function schemaToJson(schema: Schema): unknown {
  return {
    type: 'struct',
    'schema-id': schema.schemaId,
    ...(schema.identifierFieldIds === undefined ? {} : { 'identifier-field-ids': schema.identifierFieldIds }),
    fields: schema.fields.map(fieldToJson),
  };
}

export function fieldByName(schema: Schema, name: string): Field | undefined {
  return schema.fields.find((field) => field.name === name);
}

/** The field with this id at any depth; elements, keys and values of collections have ids too. */
export function typeById(schema: Schema, id: number): IcebergType | undefined {
  return findType({ type: 'struct', fields: schema.fields }, id);
}

function findType(type: IcebergType, id: number): IcebergType | undefined {
  if (typeof type === 'string') return undefined;
  switch (type.type) {
    case 'struct':
      for (const field of type.fields) {
        const found = field.id === id ? field.type : findType(field.type, id);
        if (found !== undefined) return found;
      }
      return undefined;
    case 'list':
      return type.elementId === id ? type.element : findType(type.element, id);
    case 'map':
      if (type.keyId === id) return type.key;
      return type.valueId === id ? type.value : (findType(type.key, id) ?? findType(type.value, id));
  }
}

/** The highest field id in use, nested ids included; 0 without fields. */
export function highestFieldId(type: IcebergType): number {
  if (typeof type === 'string') return 0;
  switch (type.type) {
    case 'struct':
      return type.fields.reduce(
        (highest, field) => Math.max(highest, field.id, highestFieldId(field.type)),
        0,
      );
    case 'list':
      return Math.max(type.elementId, highestFieldId(type.element));
    case 'map':
      return Math.max(type.keyId, type.valueId, highestFieldId(type.key), highestFieldId(type.value));
  }
}

/** The type with new ids for everything nested in it, in the order Iceberg gives them out. */
export function withFreshIds(type: IcebergType, nextId: () => number): IcebergType {
  if (typeof type === 'string') return type;
  switch (type.type) {
    case 'struct': {
      const ids = type.fields.map(() => nextId());
      return {
        type: 'struct',
        fields: type.fields.map((field, index) => ({
          ...field,
          id: ids[index] ?? 0,
          type: withFreshIds(field.type, nextId),
        })),
      };
    }
    case 'list': {
      const elementId = nextId();
      return { ...type, elementId, element: withFreshIds(type.element, nextId) };
    }
    case 'map': {
      const keyId = nextId();
      const valueId = nextId();
      return {
        ...type,
        keyId,
        valueId,
        key: withFreshIds(type.key, nextId),
        value: withFreshIds(type.value, nextId),
      };
    }
  }
}
