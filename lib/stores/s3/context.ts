import { randomUUID } from 'node:crypto';
import { HeadBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { ObjectNotFoundError } from '../../errors.ts';
import { awsFailure, isNamed, statusOf, storeMissing } from '../aws-errors.ts';
import type { Location } from '../ports.ts';
import { defaultRetrying, type Retrying } from '../retrying.ts';
import { type S3Root, s3Root } from './location.ts';

/** What the parts of the S3 store share. */
export interface S3Context {
  readonly client: S3Client;
  readonly root: S3Root;
  /** For what the client does not repeat by itself. */
  readonly retrying: Retrying;
  readonly newId: () => string;
  readonly now: () => number;
  /** Objects up to this size go in one request; larger ones in parts (of this size while 10,000 of them are enough). */
  readonly partBytes: number;
  /** Requests of one object side by side. */
  readonly parallel: number;
  /** Bytes of one object's parts in memory at most; a larger part goes alone. */
  readonly bufferBytes: number;
}

export interface S3ContextOptions {
  readonly client: S3Client;
  readonly bucket: string;
  /** Key prefix of everything below the root, without slashes around it; '' is the whole bucket. */
  readonly prefix: string;
  /** Size of parts and of ranges. Default 8 MiB; S3 refuses less than 5 MiB. */
  readonly partBytes?: number;
  /** Requests of one object side by side. Default 8. */
  readonly parallel?: number;
  /** Bytes of the parts of one write in memory at most; a larger part goes alone. Default 256 MiB. */
  readonly bufferBytes?: number;
  readonly now?: () => number;
  readonly newId?: () => string;
  readonly retrying?: Retrying;
}

export function s3Context(options: S3ContextOptions): S3Context {
  return {
    client: options.client,
    root: s3Root(options.bucket, options.prefix),
    retrying: options.retrying ?? defaultRetrying,
    newId: options.newId ?? randomUUID,
    now: options.now ?? Date.now,
    partBytes: options.partBytes ?? 8 * 2 ** 20,
    parallel: options.parallel ?? 8,
    bufferBytes: options.bufferBytes ?? 256 * 2 ** 20,
  };
}

/** The port's error for a failed request about an object. */
export function objectFailure(error: unknown, action: string, location: Location): unknown {
  if (isMissing(error))
    return new ObjectNotFoundError(`${location} does not exist`, { cause: error, details: { location } });
  return awsFailure(error, action, location);
}

/** A missing bucket is no missing object: it is a wrong configuration and keeps its own name. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && !isNamed(error, 'NoSuchBucket', 'NoSuchUpload');
}

/**
 * HEAD says 404 of a missing object and of a missing bucket alike: asks for the bucket. Whoever may not ask cannot tell.
 * @throws StoreMissingError
 */
export async function mustHaveBucket({ client, root }: S3Context, location: Location): Promise<void> {
  const { bucket } = root.place(location);
  await client.send(new HeadBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
    if (statusOf(error) === 404) throw storeMissing(error, 's3:GetObject', location);
  });
}
