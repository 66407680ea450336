import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { readLines } from '../stores/lines.ts';
import { readCsv } from './csv.ts';
import type { ItemReader } from './definition.ts';
import { ErrorName, StateFailure } from './errors.ts';
import { isRecord, toJson } from './payload.ts';
import type { Json, ObjectAccess } from './types.ts';

/** One item of a Map, before its ItemSelector. */
export interface Item {
  readonly value: Json;
  /** The property's name when the items are an object's. */
  readonly key?: string;
  /** Of the context object's `Map.Item.Source`. */
  readonly source: string;
}

/** The reader's evaluated Arguments. */
export interface ReadLocation {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | undefined;
}

/** @throws StateFailure States.ItemReaderFailed */
export function readLocation(value: Json): ReadLocation {
  const fields = isRecord(value) ? value : {};
  const text = (key: string): string | undefined =>
    typeof fields[key] === 'string' ? fields[key] : undefined;
  const bucket = text('Bucket');
  if (bucket === undefined)
    throw new StateFailure(ErrorName.ItemReaderFailed, 'Arguments.Bucket must be a string');
  return { bucket, key: text('Key') ?? text('Prefix') ?? '', versionId: text('VersionId') };
}

/**
 * The items, streamed; JSON alone is held as a whole.
 * @throws StateFailure States.ItemReaderFailed
 */
export async function* readItems(
  reader: ItemReader,
  location: ReadLocation,
  objects: ObjectAccess,
): AsyncGenerator<Item> {
  try {
    yield* source(reader, location, objects);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new StateFailure(
      ErrorName.ItemReaderFailed,
      `s3://${location.bucket}/${location.key}: ${reason}`,
      thrown,
    );
  }
}

function source(reader: ItemReader, location: ReadLocation, objects: ObjectAccess): AsyncGenerator<Item> {
  const open = (): AsyncIterable<Uint8Array> =>
    objects.getObject(location.bucket, location.key, location.versionId);
  const uri = `S3://${location.bucket}/${location.key}`;
  switch (reader.inputType) {
    case undefined:
      return listedObjects(objects, location);
    case 'JSON':
      return jsonItems(open(), reader.itemsPointer, uri);
    case 'JSONL':
      return jsonLines(open(), uri);
    case 'CSV':
      return csvItems(open(), reader, uri);
    case 'MANIFEST':
      return inventoryItems(open(), objects, uri);
  }
}

async function* listedObjects(objects: ObjectAccess, { bucket, key }: ReadLocation): AsyncGenerator<Item> {
  for await (const object of objects.listObjects(bucket, key)) {
    yield {
      value: {
        Etag: object.etag,
        Key: object.key,
        LastModified: Math.floor(object.modifiedMs / 1_000),
        Size: object.sizeBytes,
        StorageClass: 'STANDARD',
      },
      source: `S3://${bucket}`,
    };
  }
}

async function* jsonItems(
  bytes: AsyncIterable<Uint8Array>,
  pointer: readonly string[],
  uri: string,
): AsyncGenerator<Item> {
  let value: Json = JSON.parse(stripMark((await buffer(Readable.from(bytes))).toString('utf8')));
  for (const token of pointer) {
    const parent: Json = value;
    const member: Json | undefined = Array.isArray(parent)
      ? parent[Number(token)]
      : isRecord(parent)
        ? (parent as { [key: string]: Json })[token]
        : undefined;
    if (member === undefined) throw new Error(`ItemsPointer finds nothing at ${token}`);
    value = member;
  }
  yield* itemsOf(value, uri);
}

/** Items of a value in memory: an array's elements, or an object's properties. @throws TypeError for anything else */
export function* itemsOf(value: Json, source: string): Generator<Item> {
  if (Array.isArray(value)) {
    for (const element of value) yield { value: element, source };
  } else if (isRecord(value)) {
    for (const [key, member] of Object.entries(value)) yield { value: member as Json, key, source };
  } else throw new TypeError('an array or an object is expected');
}

async function* jsonLines(bytes: AsyncIterable<Uint8Array>, uri: string): AsyncGenerator<Item> {
  let number = 0;
  for await (const line of readLines(bytes)) {
    number += 1;
    const text = number === 1 ? stripMark(line) : line;
    if (text.trim() === '') continue;
    yield { value: parseLine(text, number), source: uri };
  }
}

function parseLine(text: string, number: number): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new SyntaxError(
      `line ${number} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function* csvItems(
  bytes: AsyncIterable<Uint8Array>,
  reader: ItemReader,
  uri: string,
): AsyncGenerator<Item> {
  let headers = reader.csvHeaderLocation === 'GIVEN' ? reader.csvHeaders : undefined;
  let first = true;
  for await (const row of readCsv(bytes, reader.csvDelimiter)) {
    if (first) row[0] = stripMark(row[0] ?? '');
    first = false;
    if (headers === undefined) headers = row;
    else yield { value: csvItem(headers, row), source: uri };
  }
}

/** Missing fields are empty strings, surplus ones are dropped. */
function csvItem(headers: readonly string[], row: readonly string[]): Json {
  return Object.fromEntries(headers.map((header, index) => [header, row[index] ?? '']));
}

/**
 * An S3 Inventory report in CSV: the items are the rows of the files that its manifest.json lists
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html).
 */
async function* inventoryItems(
  bytes: AsyncIterable<Uint8Array>,
  objects: ObjectAccess,
  uri: string,
): AsyncGenerator<Item> {
  const manifest = toJson(JSON.parse((await buffer(Readable.from(bytes))).toString('utf8')));
  if (!isRecord(manifest) || manifest['fileFormat'] !== 'CSV')
    throw new Error('only an inventory manifest with fileFormat CSV can be read');
  const { fileSchema, files, destinationBucket } = manifest;
  if (typeof fileSchema !== 'string' || !Array.isArray(files) || typeof destinationBucket !== 'string') {
    throw new Error('this is no inventory manifest: fileSchema, files and destinationBucket are expected');
  }
  const headers = fileSchema.split(',').map((header) => header.trim());
  const bucket = destinationBucket.replace(/^arn:[a-z-]+:s3:::/, '');
  for (const file of files as readonly { readonly key: string }[]) {
    const packed = Readable.from(objects.getObject(bucket, file.key));
    const content = file.key.endsWith('.gz') ? packed.compose(createGunzip()) : packed;
    for await (const row of readCsv(content, ',')) yield { value: csvItem(headers, row), source: uri };
  }
}

function stripMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}
