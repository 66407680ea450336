import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  call,
  type Definition,
  definitionOf,
  distributedMap,
  memoryObjects,
  outputOf,
  run,
} from './support.ts';

const functions = { work: async (payload: unknown) => payload };

function reading(
  config: Definition,
  resource = 'getObject',
  location: Definition = { Bucket: 'bucket', Key: 'items' },
): Definition {
  return definitionOf({
    M: distributedMap({
      ItemReader: { Resource: `arn:aws:states:::s3:${resource}`, ReaderConfig: config, Arguments: location },
    }),
  });
}

const read = (config: Definition, content: string, input: { readonly [key: string]: number } = {}) =>
  outputOf(reading(config), { functions, objects: memoryObjects({ 'bucket/items': content }), input });

describe('JSONL', () => {
  it('gives one item per line; blank lines, CRLF and a missing last end are no matter', async () => {
    expect(await read({ InputType: 'JSONL' }, '{"a":1}\r\n\n[2]\n"ü"')).toEqual([{ a: 1 }, [2], 'ü']);
  });

  it('ignores a byte order mark', async () => {
    expect(await read({ InputType: 'JSONL' }, '\ufeff1\n2\n')).toEqual([1, 2]);
  });

  it('fails with States.ItemReaderFailed at a line that is no JSON, and names it', async () => {
    const result = await run(reading({ InputType: 'JSONL' }), {
      functions,
      objects: memoryObjects({ 'bucket/items': '1\n{\n' }),
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.ItemReaderFailed' });
    expect(result.cause).toMatch(/s3:\/\/bucket\/items: line 2/);
  });

  it('fails with States.ItemReaderFailed at bytes that are no UTF-8', async () => {
    const objects = memoryObjects({ 'bucket/items': Buffer.from([0x22, 0xff, 0x22]) });
    expect(await run(reading({ InputType: 'JSONL' }), { functions, objects })).toMatchObject({
      error: 'States.ItemReaderFailed',
    });
  });
});

describe('JSON', () => {
  it('gives the elements of an array', async () => {
    expect(await read({ InputType: 'JSON' }, '[1, {"a": 2}]')).toEqual([1, { a: 2 }]);
  });

  it('gives key and value of each property of an object', async () => {
    expect(await read({ InputType: 'JSON' }, '{"a": 1}')).toEqual([{ Key: 'a', Value: 1 }]);
  });

  it('follows ItemsPointer', async () => {
    expect(
      await read({ InputType: 'JSON', ItemsPointer: '/a~1b/0/c~0d' }, '{"a/b": [{"c~d": [7]}]}'),
    ).toEqual([7]);
  });

  it.each(['5', '{', '{"other": 1}'])('fails with States.ItemReaderFailed on %s', async (content) => {
    const config =
      content === '{"other": 1}' ? { InputType: 'JSON', ItemsPointer: '/items' } : { InputType: 'JSON' };
    const objects = memoryObjects({ 'bucket/items': content });
    expect(await run(reading(config), { functions, objects })).toMatchObject({
      error: 'States.ItemReaderFailed',
    });
  });
});

describe('CSV', () => {
  const first = { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' };

  it('takes names from the first row', async () => {
    expect(await read(first, '\ufeffa,b\n1,x\n2,y\n')).toEqual([
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ]);
  });

  it('takes names from CSVHeaders', async () => {
    const given = { InputType: 'CSV', CSVHeaderLocation: 'GIVEN', CSVHeaders: ['a', 'b'] };
    expect(await read(given, '1,x\n')).toEqual([{ a: '1', b: 'x' }]);
  });

  it('reads quoted fields with delimiters, line ends and quotes in them', async () => {
    expect(await read(first, 'a,b\r\n"1,5","say ""hi""\nthere"\r\n')).toEqual([
      { a: '1,5', b: 'say "hi"\nthere' },
    ]);
  });

  it('fills missing fields with empty text and drops surplus ones', async () => {
    expect(await read(first, 'a,b\n1\n2,y,z\n')).toEqual([
      { a: '1', b: '' },
      { a: '2', b: 'y' },
    ]);
  });

  it.each([
    ['COMMA', ','],
    ['PIPE', '|'],
    ['SEMICOLON', ';'],
    ['SPACE', ' '],
    ['TAB', '\t'],
  ])('splits at CSVDelimiter %s', async (name, sign) => {
    expect(await read({ ...first, CSVDelimiter: name }, `a${sign}b\n1${sign}2\n`)).toEqual([
      { a: '1', b: '2' },
    ]);
  });

  it('fails with States.ItemReaderFailed on a quote that does not end', async () => {
    const objects = memoryObjects({ 'bucket/items': 'a\n"1\n' });
    expect(await run(reading(first), { functions, objects })).toMatchObject({
      error: 'States.ItemReaderFailed',
    });
  });
});

describe('MANIFEST', () => {
  const manifest = JSON.stringify({
    sourceBucket: 'source',
    destinationBucket: 'arn:aws:s3:::inventory',
    fileFormat: 'CSV',
    fileSchema: 'Bucket, Key, Size',
    files: [{ key: 'data/1.csv.gz' }, { key: 'data/2.csv' }],
  });
  const objects = memoryObjects({
    'bucket/items': manifest,
    'inventory/data/1.csv.gz': gzipSync('"source","a",1\n"source","b%20c",2\n'),
    'inventory/data/2.csv': '"source","d",3\n',
  });

  it.each([{ InputType: 'MANIFEST' }, { ManifestType: 'S3_INVENTORY' }])(
    'gives the rows of all files of an S3 Inventory report: %j',
    async (config) => {
      expect(await outputOf(reading(config), { functions, objects })).toEqual([
        { Bucket: 'source', Key: 'a', Size: '1' },
        { Bucket: 'source', Key: 'b%20c', Size: '2' },
        { Bucket: 'source', Key: 'd', Size: '3' },
      ]);
    },
  );

  it.each(['{"fileFormat": "ORC"}', '{"fileFormat": "CSV"}'])(
    'fails with States.ItemReaderFailed on %s',
    async (content) => {
      const other = memoryObjects({ 'bucket/items': content });
      expect(await run(reading({ InputType: 'MANIFEST' }), { functions, objects: other })).toMatchObject({
        error: 'States.ItemReaderFailed',
      });
    },
  );
});

describe('listObjectsV2', () => {
  const objects = memoryObjects({ 'bucket/in/a': 'x', 'bucket/in/b': 'yy', 'bucket/out/c': 'z' });

  it('gives the objects below the prefix', async () => {
    const definition = reading({}, 'listObjectsV2', { Bucket: 'bucket', Prefix: 'in/' });
    expect(await outputOf(definition, { functions, objects })).toEqual([
      { Etag: '"e"', Key: 'in/a', LastModified: 1_700_000_000, Size: 1, StorageClass: 'STANDARD' },
      { Etag: '"e"', Key: 'in/b', LastModified: 1_700_000_000, Size: 2, StorageClass: 'STANDARD' },
    ]);
  });

  it('gives all objects without a prefix', async () => {
    expect(
      await outputOf(reading({}, 'listObjectsV2', { Bucket: 'bucket' }), { functions, objects }),
    ).toHaveLength(3);
  });
});

describe('the reader', () => {
  it('takes bucket and key by expression, and the version', async () => {
    const asked: unknown[] = [];
    const objects = {
      ...memoryObjects(),
      async *getObject(...location: readonly unknown[]) {
        asked.push(location);
        yield Buffer.from('1\n');
      },
    };
    const location = { Bucket: '{% $states.input.b %}', Key: "{% 'k' %}", VersionId: 'v1' };
    await outputOf(reading({ InputType: 'JSONL' }, 'getObject', location), {
      functions,
      objects,
      input: { b: 'bucket' },
    });
    await outputOf(reading({ InputType: 'JSONL' }, 'getObject', '{% $states.input %}' as never), {
      functions,
      objects,
      input: { Bucket: 'b', Key: 'k' },
    });
    expect(asked).toEqual([
      ['bucket', 'k', 'v1'],
      ['b', 'k', undefined],
    ]);
  });

  it('stops after MaxItems, a number or an expression', async () => {
    expect(await read({ InputType: 'JSONL', MaxItems: 2 }, '1\n2\n3\n')).toEqual([1, 2]);
    expect(
      await read({ InputType: 'JSONL', MaxItems: '{% $states.input.n %}' }, '1\n2\n3\n', { n: 1 }),
    ).toEqual([1]);
  });

  it('fails with States.ItemReaderFailed when the object is not there', async () => {
    const result = await run(reading({ InputType: 'JSONL' }), { functions, objects: memoryObjects() });
    expect(result).toMatchObject({
      error: 'States.ItemReaderFailed',
      cause: 's3://bucket/items: there is no object bucket/items',
    });
  });

  it('fails with States.ItemReaderFailed when the bucket is no text', async () => {
    const definition = reading({ InputType: 'JSONL' }, 'getObject', { Bucket: '{% 1 %}', Key: 'k' });
    expect(await run(definition, { functions, objects: memoryObjects() })).toMatchObject({
      error: 'States.ItemReaderFailed',
    });
  });

  it('lets children that run come to their end when it fails half way', async () => {
    const seen: unknown[] = [];
    const work = async (payload: unknown) => void seen.push(payload);
    const objects = memoryObjects({ 'bucket/items': '1\n2\nno\n' });
    await run(reading({ InputType: 'JSONL' }), { functions: { work }, objects });
    expect(seen).toEqual([1, 2]);
  });

  it('tells an iteration where the item comes from', async () => {
    const map = distributedMap({ ItemSelector: '{% $states.context.Map.Item.Source %}' }, call('work'));
    expect(
      await outputOf(definitionOf({ M: map }), {
        functions,
        objects: memoryObjects({ 'bucket/items': '1\n' }),
      }),
    ).toEqual(['S3://bucket/items']);
  });

  it('needs object access, and says so before the start', async () => {
    await expect(run(reading({ InputType: 'JSONL' }), { functions })).rejects.toMatchObject({
      name: 'UnsupportedDefinitionError',
    });
  });
});
