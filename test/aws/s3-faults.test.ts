import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import {
  AccessDeniedError,
  CorruptStateError,
  ObjectExistsError,
  ObjectNotFoundError,
  SourceChangedError,
  StoreUnavailableError,
} from '../../lib/errors.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import type { S3StoreOptions } from '../../lib/stores/s3/s3.ts';
import { bytes, lines, text } from '../contracts/object-store.ts';
import { openFaultProxy, operationOf } from './faults.ts';
import { openProxy, type ProxiedRequest } from './proxy.ts';
import { openTestStore } from './world.ts';

async function faultyStore(options: { maxAttempts?: number; store?: Partial<S3StoreOptions> } = {}) {
  const proxy = await openFaultProxy(inject('endpoints').s3);
  const opened = await openTestStore({ endpoint: proxy.url, ...options });
  onTestFinished(async () => {
    await opened[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
  return { ...opened, proxy, at: (name: string) => joinLocation(opened.store.root, name) };
}

const is = (operation: string) => (asked: ProxiedRequest) => operationOf(asked) === operation;
const large = (pieceBytes: number) => Uint8Array.from({ length: 2 * pieceBytes + 99 }, (_, n) => n % 253);

describe('a write to S3 whose reply is lost', () => {
  it('recognises its own object behind the 412 that its hidden retry meets', async () => {
    const { store, proxy, at } = await faultyStore();
    proxy.strike({ kind: 'lost reply' }, 1, is('PUT'));
    expect((await store.write(at('own'), bytes('mine'))).sizeBytes).toBe(4);
    expect(proxy.seen.filter((one) => one === 'PUT')).toHaveLength(2);
    expect(proxy.left()).toBe(0);
    await expect(store.write(at('own'), bytes('mine'))).rejects.toThrow(ObjectExistsError);
  });

  it('recognises its own upload when the reply of its completion is lost', async () => {
    const { store, proxy, at, pieceBytes } = await faultyStore();
    const content = large(pieceBytes);
    proxy.strike({ kind: 'lost reply' }, 1, is('POST uploadId'));
    await store.write(at('own'), content);
    expect(proxy.left()).toBe(0);
    expect(Buffer.compare(await store.read(at('own')), content)).toBe(0);
  });

  it('finds its object even when no answer ever comes', async () => {
    const { store, proxy, at } = await faultyStore({ maxAttempts: 2 });
    proxy.strike({ kind: 'lost reply' }, 2, is('PUT'));
    await store.write(at('deaf'), bytes('mine'));
    expect(proxy.left()).toBe(0);
    expect(text(await store.read(at('deaf')))).toBe('mine');
  });

  it('says so when the request never arrived', async () => {
    const { store, proxy, at } = await faultyStore({ maxAttempts: 2 });
    proxy.strike({ kind: 'lost request' }, 2, is('PUT'));
    await expect(store.write(at('lost'), bytes('mine'))).rejects.toThrow(StoreUnavailableError);
    expect(await store.head(at('lost'))).toBeUndefined();
  });

  it('does not take another writer’s object for its own', async () => {
    const { store, proxy, at, clients, bucket } = await faultyStore();
    const Key = 'some/prefix/theirs';
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'mine' }));
    proxy.strike({ kind: 'lost request' }, 1, (asked) => asked.method === 'PUT');
    await expect(store.write(at('theirs'), bytes('mine'))).rejects.toThrow(ObjectExistsError);
  });
});

describe('a write to S3 that is refused for a while', () => {
  it('does the whole write again after a 409, for parts as for a single object', async () => {
    const { store, proxy, at, pieceBytes } = await faultyStore();
    const conflict = { kind: 'status', status: 409, code: 'ConditionalRequestConflict' } as const;
    proxy.strike(conflict, 2, is('PUT'));
    await store.write(at('small'), bytes('x'));
    proxy.strike(conflict, 1, is('POST uploadId'));
    await store.write(at('large'), large(pieceBytes));
    expect(proxy.left()).toBe(0);
    expect(proxy.seen.filter((one) => one === 'POST uploads')).toHaveLength(2);
  });

  it('gets through throttling within a bounded number of requests, and ends with a named error otherwise', async () => {
    const { store, proxy, at } = await faultyStore({ maxAttempts: 3 });
    const slow = { kind: 'status', status: 503, code: 'SlowDown' } as const;
    proxy.strike(slow, 2, is('PUT'));
    await store.write(at('slow'), bytes('x'));
    proxy.strike(slow, 1_000, (asked) => asked.method !== 'HEAD');
    const before = proxy.seen.length;
    await expect(store.read(at('slow'))).rejects.toThrow(StoreUnavailableError);
    await expect(store.write(at('slow2'), bytes('x'))).rejects.toThrow(StoreUnavailableError);
    expect(proxy.seen.length - before).toBeLessThanOrEqual(7);
  });

  it('begins anew when its upload was aborted under it', async () => {
    const { store, proxy, at, pieceBytes } = await faultyStore();
    const content = large(pieceBytes);
    proxy.strike({ kind: 'status', status: 404, code: 'NoSuchUpload' }, 1, is('POST uploadId'));
    await store.write(at('aborted'), content);
    expect(proxy.left()).toBe(0);
    expect(Buffer.compare(await store.read(at('aborted')), content)).toBe(0);
  });

  it('leaves no upload behind when a part is refused for good, and the first error is the one that is told', async () => {
    const { store, proxy, at, pieceBytes, clients, bucket } = await faultyStore();
    proxy.strike({ kind: 'status', status: 400, code: 'InvalidPart' }, 1, is('PUT uploadId'));
    await expect(store.write(at('refused'), large(pieceBytes))).rejects.toThrow('InvalidPart');
    const uploads = await clients.s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(uploads.Uploads ?? []).toEqual([]);
    expect(await store.head(at('refused'))).toBeUndefined();
  });
});

describe('reading from S3', () => {
  it('never reads denied as not found', async () => {
    const { store, proxy, at } = await faultyStore();
    proxy.strike({ kind: 'status', status: 403, code: 'AccessDenied' }, 1_000, () => true);
    await expect(store.head(at('x'))).rejects.toThrow(AccessDeniedError);
    await expect(store.read(at('x'))).rejects.toThrow(AccessDeniedError);
    await expect(store.localPath(at('x'))).rejects.toThrow(AccessDeniedError);
    await expect(store.delete(at('x'))).rejects.toThrow(AccessDeniedError);
    await expect(store.list(store.root)[Symbol.asyncIterator]().next()).rejects.toThrow(AccessDeniedError);
    await expect(store.write(at('x'), bytes('x'))).rejects.toThrow(AccessDeniedError);
  });

  it('names an object that is overwritten between two of its ranges, and keeps no mixture', async () => {
    await using direct = await openTestStore();
    let overwrite: (() => Promise<unknown>) | undefined;
    await using proxy = await openProxy(inject('endpoints').s3, async (asked, forward) => {
      if (asked.headers['range']?.startsWith(`bytes=${direct.pieceBytes}-`) === true) await overwrite?.();
      return forward(asked);
    });
    await using opened = await openTestStore({ endpoint: proxy.url, store: { parallel: 1 } });
    const { store, bucket, pieceBytes } = opened;
    const location = joinLocation(store.root, 'moving');
    await store.write(location, large(pieceBytes));
    const Body = large(pieceBytes).reverse();
    overwrite = async () => {
      overwrite = undefined;
      await direct.clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'some/prefix/moving', Body }));
    };
    await expect(store.localPath(location)).rejects.toThrow(SourceChangedError);
    expect(overwrite).toBeUndefined();
    expect(await readdir(join(opened.folder, 'copies'))).toEqual([]);
    expect(Buffer.compare(await readFile(await store.localPath(location)), Body)).toBe(0);
  });

  it('reads only the version that was asked for', async () => {
    const { store, at, clients, bucket } = await faultyStore();
    const Key = 'some/prefix/source.csv';
    const put = (Body: string) => clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
    const { ETag = '' } = await put('first');
    for (const spelling of [ETag, ETag.replaceAll('"', '')])
      expect(await readFile(await store.localPath(at('source.csv'), spelling), 'utf8')).toBe('first');
    await put('second');
    await expect(store.localPath(at('source.csv'), ETag)).rejects.toThrow(SourceChangedError);
    expect(await readFile(await store.localPath(at('source.csv')), 'utf8')).toBe('second');
    await store.delete(at('source.csv'));
    await expect(store.localPath(at('source.csv'), ETag)).rejects.toThrow(SourceChangedError);
    await expect(store.localPath(at('source.csv'))).rejects.toThrow(ObjectNotFoundError);
  });

  it('takes up a body that breaks off where it broke', async () => {
    let breaks = 2;
    await using proxy = await openProxy(inject('endpoints').s3, async (asked, forward) => {
      const answer = await forward(asked);
      if (asked.method !== 'GET' || answer.status >= 300 || breaks === 0) return answer;
      breaks -= 1;
      const half = answer.body.subarray(0, Math.floor(answer.body.length / 2));
      return { ...answer, body: half, breaksOff: true };
    });
    await using opened = await openTestStore({ endpoint: proxy.url });
    const location = joinLocation(opened.store.root, 'lines');
    const written = Array.from({ length: 20_000 }, (_, n) => `line ${n}`);
    await opened.store.write(location, bytes(written.join('\n')));
    expect(await lines(opened.store, location)).toEqual(written);
    expect(breaks).toBe(0);
  });

  it('asks for what an object ends in before anything else, again when that breaks off, and for nothing twice', async () => {
    let breaks = 0;
    let asked = 0;
    await using proxy = await openProxy(inject('endpoints').s3, async (request, forward) => {
      const answer = await forward(request);
      asked += 1;
      if (request.method !== 'GET' || breaks === 0) return answer;
      breaks -= 1;
      return { ...answer, body: answer.body.subarray(0, 2), breaksOff: true };
    });
    await using opened = await openTestStore({ endpoint: proxy.url });
    const { store } = opened;
    const location = joinLocation(store.root, 'rows');
    await store.write(location, bytes('0123456789'));
    const part = async (tailBytes: number) => {
      asked = 0;
      const path = await store.localPart(
        location,
        async ({ sizeBytes, read }) => {
          expect([sizeBytes, text(await read({ from: 9, to: 10 }))]).toEqual([10, '9']);
          return [{ from: 1, to: 8 }];
        },
        tailBytes,
      );
      return [await readFile(path, 'latin1'), asked];
    };
    expect(await part(4)).toEqual(['\x00123456789', 2]);
    expect(await part(99)).toEqual(['0123456789', 1]);
    breaks = 1;
    expect(await part(5)).toEqual(['\x00123456789', 3]);
    const empty = joinLocation(store.root, 'empty');
    await store.write(empty, bytes(''));
    expect(await readFile(await store.localPart(empty, async () => [], 5), 'latin1')).toBe('');
    const none = joinLocation(store.root, 'none');
    await expect(store.localPart(none, async () => [], 5)).rejects.toThrow(ObjectNotFoundError);
  });

  it('refuses bytes that are not the ones that were written', async () => {
    await using proxy = await openProxy(inject('endpoints').s3, async (asked, forward) => {
      const answer = await forward(asked);
      if (asked.method === 'GET') answer.body[0] = 0;
      return answer;
    });
    await using opened = await openTestStore({ endpoint: proxy.url });
    const location = joinLocation(opened.store.root, 'flipped');
    await opened.store.write(location, bytes('what was written'));
    await expect(opened.store.read(location)).rejects.toThrow(CorruptStateError);
  });

  it('decodes the keys of a listing that S3 has url-encoded, page by page', async () => {
    const pages = [['some/prefix/a+b%2Bc', 'some/prefix/d%01%25'], ['some/prefix/%C3%BC']];
    await using proxy = await openProxy(inject('endpoints').s3, async (asked, forward) => {
      const url = new URL(asked.path, 'http://x');
      if (!url.searchParams.has('list-type')) return forward(asked);
      expect(url.searchParams.get('encoding-type')).toBe('url');
      const page = url.searchParams.get('continuation-token') === 'next' ? 1 : 0;
      const contents = pages[page]?.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`);
      const more =
        page === 0
          ? '<IsTruncated>true</IsTruncated><NextContinuationToken>next</NextContinuationToken>'
          : '';
      return {
        status: 200,
        headers: { 'content-type': 'application/xml' },
        body: Buffer.from(
          `<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType>${more}${contents?.join('')}</ListBucketResult>`,
        ),
      };
    });
    await using opened = await openTestStore({ endpoint: proxy.url });
    const found: string[] = [];
    for await (const { location } of opened.store.list(opened.store.root)) found.push(location);
    expect(found.map((one) => one.slice(opened.store.root.length))).toEqual(['/a b+c', '/d\u0001%', '/ü']);
  });
});

describe('the copies that an S3 store fetches', () => {
  it('stay within their limit by dropping the longest unused, never one that was just handed out', async () => {
    let now = 0;
    const { store, at, folder } = await faultyStore({
      store: { cacheBytes: 250, keepMs: 1_000, now: () => now },
    });
    const copies = async () => (await readdir(join(folder, 'copies'))).length;
    for (const name of ['a', 'b', 'c', 'd']) await store.write(at(name), new Uint8Array(100));
    const paths: string[] = [];
    for (const name of ['a', 'b', 'c']) paths.push(await store.localPath(at(name)));
    expect(await copies()).toBe(3);
    now = 5_000;
    await store.localPath(at('b'));
    await store.localPath(at('d'));
    expect(await copies()).toBe(2);
    const [a = '', b = ''] = paths;
    expect((await stat(b)).size).toBe(100);
    await expect(stat(a)).rejects.toThrow('ENOENT');
    expect(await store.localPath(at('a'))).toBe(a);
    expect(await copies()).toBe(3);
    await store.trim();
    expect(await copies()).toBe(2);
  });

  it('are fetched once for callers that come at the same time, and again when they were removed', async () => {
    const { store, at, proxy } = await faultyStore();
    await store.write(at('shared'), bytes('x'));
    const paths = await Promise.all(Array.from({ length: 5 }, () => store.localPath(at('shared'))));
    expect(new Set(paths).size).toBe(1);
    expect(proxy.seen.filter((one) => one === 'GET')).toHaveLength(1);
    await writeFile(paths[0] ?? '', 'damaged');
    expect(await readFile(await store.localPath(at('shared')), 'utf8')).toBe('x');
  });

  it('of parts hold what was asked for, once for callers that come at the same time, and never half of two objects', async () => {
    const { store, at, proxy, folder } = await faultyStore();
    await store.write(at('rows'), bytes('0123456789'));
    const part = (from: number, to: number) =>
      store.localPart(at('rows'), async ({ read }) => {
        await read({ from: 8, to: 10 });
        return [{ from, to }];
      });
    const paths = await Promise.all([part(2, 4), part(2, 4), part(0, 1)]);
    expect(new Set(paths).size).toBe(2);
    expect(await readFile(paths[0] ?? '', 'latin1')).toBe('\0\x0023\0\0\0\x0089');
    expect(await readFile(paths[2] ?? '', 'latin1')).toBe('0\0\0\0\0\0\0\x0089');
    // Three footers, two ranges.
    expect(proxy.seen.filter((one) => one === 'GET')).toHaveLength(5);
    const whole = await store.localPath(at('rows'));
    expect(await readFile(whole, 'utf8')).toBe('0123456789');
    expect(await part(5, 6)).toBe(whole);
    expect(await readdir(join(folder, 'copies'))).toHaveLength(3);
    await store.write(at('other'), bytes('0123456789'));
    await expect(
      store.localPart(at('other'), async () => {
        await store.write(at('other'), bytes('9876543210'), { overwrite: true });
        return [{ from: 0, to: 3 }];
      }),
    ).rejects.toThrow(SourceChangedError);
  });
});
