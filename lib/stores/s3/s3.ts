import { rm } from 'node:fs/promises';
import { DeleteObjectCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { awsFailure } from '../aws-errors.ts';
import { readLines } from '../lines.ts';
import type { Location, ObjectInfo, ObjectStore } from '../ports.ts';
import {
  isMissing,
  mustHaveBucket,
  objectFailure,
  type S3Context,
  type S3ContextOptions,
  s3Context,
} from './context.ts';
import { openCopies } from './copies.ts';
import { bytesSource, fileSource, streamSource } from './parts.ts';
import { collectBytes, readBytes } from './read.ts';
import { writeObject } from './write.ts';

export interface S3StoreOptions extends S3ContextOptions {
  /** Absolute folder of this store's own for fetched copies; emptied when the store opens, removed when it closes. */
  readonly workFolder: string;
  /** Bytes of fetched copies that are kept. Default 4 GiB. */
  readonly cacheBytes?: number;
  /** For so long after it was handed out a copy is surely kept. Default 15 min, the longest that a Lambda runs. */
  readonly keepMs?: number;
}

export interface S3Store extends ObjectStore, AsyncDisposable {
  /** Drops fetched copies over the limit at once; only when none is being read, e.g. between two units. */
  trim(): Promise<void>;
}

/**
 * An object store in one bucket below one prefix. An object becomes visible whole or not at all; create-only is S3's own
 * condition. What is not allowed (AccessDeniedError) never reads as not being there.
 * @example openS3Store({ client, bucket: 'lake', prefix: 'warehouse', workFolder: '/tmp/copies' })
 */
export async function openS3Store(options: S3StoreOptions): Promise<S3Store> {
  const context = s3Context(options);
  const { client, root } = context;
  const copies = await openCopies({
    context,
    folder: options.workFolder,
    maxBytes: options.cacheBytes ?? 4 * 2 ** 30,
    keepMs: options.keepMs ?? 15 * 60_000,
    now: context.now,
  });

  return {
    root: root.location,
    read: async (location) => collectBytes(readBytes(context, { location })),
    readRange: async (location, offset, length) =>
      collectBytes(readBytes(context, { location, from: offset, to: offset + length })),
    readLines: (location) => readLines(readBytes(context, { location })),

    write: async (location, bytes, writeOptions = {}) => {
      root.place(location);
      const source =
        bytes instanceof Uint8Array
          ? bytesSource(bytes, context.partBytes)
          : streamSource(bytes, context.partBytes);
      return writeObject(context, location, source, writeOptions.overwrite ?? false);
    },

    adopt: async (localPath, location) => {
      root.place(location);
      const info = await writeObject(
        context,
        location,
        await fileSource(localPath, context.partBytes),
        false,
      );
      await rm(localPath, { force: true });
      return info;
    },

    head: async (location) => {
      const { bucket, key } = root.place(location);
      try {
        const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        return {
          location,
          sizeBytes: found.ContentLength ?? 0,
          modifiedMs: found.LastModified?.getTime() ?? 0,
        };
      } catch (error) {
        if (isMissing(error)) {
          await mustHaveBucket(context, location);
          return undefined;
        }
        throw awsFailure(
          error,
          's3:GetObject (and s3:ListBucket, or what is missing reads as denied)',
          location,
        );
      }
    },

    list: (prefix) => list(context, prefix),

    delete: async (location) => {
      const { bucket, key } = root.place(location);
      try {
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      } catch (error) {
        if (!isMissing(error)) throw objectFailure(error, 's3:DeleteObject', location);
      }
    },

    localPath: (location, version) => copies.path(location, version),
    localPart: (location, choose, tailBytes) => copies.part(location, choose, tailBytes),
    trim: () => copies.trim(),
    [Symbol.asyncDispose]: () => copies.close(),
  };
}

/** Page by page; keys come url-encoded since XML cannot hold every one. */
async function* list(context: S3Context, prefix: Location): AsyncGenerator<ObjectInfo> {
  const { bucket, key } = context.root.prefix(prefix);
  let token: string | undefined;
  do {
    const page = await context.client
      .send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: key,
          ContinuationToken: token,
          EncodingType: 'url',
        }),
      )
      .catch((error: unknown) => {
        throw awsFailure(error, 's3:ListBucket', prefix);
      });
    for (const object of page.Contents ?? []) {
      const name = object.Key ?? '';
      const decoded = page.EncodingType === 'url' ? decodeURIComponent(name.replaceAll('+', ' ')) : name;
      yield {
        location: `s3://${bucket}/${decoded}`,
        sizeBytes: object.Size ?? 0,
        modifiedMs: object.LastModified?.getTime() ?? 0,
      };
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
