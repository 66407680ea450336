import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { ObjectExistsError, StoreUnavailableError } from '../../errors.ts';
import { isNamed, isUnavailable, statusOf } from '../aws-errors.ts';
import type { Location, ObjectInfo, PendingPart } from '../ports.ts';
import { retrying } from '../retrying.ts';
import { objectFailure, type S3Context } from './context.ts';
import type { S3Place } from './location.ts';
import type { Part, PartSource } from './parts.ts';
import { crc32Header, sendParts } from './send-parts.ts';

/** User metadata that holds the id of the write that made an object. */
const writeIdKey = 'partwise-write-id';

/**
 * Writes an object whole or not at all.
 *
 *     create-only  = the request's If-None-Match: *          (S3 decides, on PutObject and on CompleteMultipartUpload)
 *     was it us?   = the object's write id is this write's   (asked after 412 and after an answer that never came)
 *
 * A 412 is met by our own hidden retry when the first request landed and its reply was lost. A 409 means that another
 * write of the key was under way: the whole write is done again (for a multipart upload from its creation on).
 * @throws ObjectExistsError, AccessDeniedError, StoreUnavailableError
 */
export async function writeObject(
  context: S3Context,
  location: Location,
  source: PartSource,
  overwrite: boolean,
): Promise<ObjectInfo> {
  const writeId = context.newId();
  const write = { context, location, writeId, overwrite };
  const once = async (): Promise<ObjectInfo> => {
    const parts = source.parts();
    const first = await parts.next();
    if (first.done === true) throw new TypeError('a source has at least one part');
    try {
      if (first.value.last) return await put(write, first.value.bytes);
      return await upload(write, first.value, parts);
    } finally {
      await parts.return(undefined);
    }
  };
  const again = (error: unknown) =>
    source.repeatable && (statusOf(error) === 409 || isNamed(error, 'NoSuchUpload'));
  try {
    return await retrying(context.retrying, again, once);
  } catch (error) {
    throw writeFailure(error, location);
  }
}

export interface Write {
  readonly context: S3Context;
  readonly location: Location;
  readonly writeId: string;
  readonly overwrite: boolean;
}

async function put(write: Write, bytes: Uint8Array): Promise<ObjectInfo> {
  const { context, location, writeId, overwrite } = write;
  const { bucket, key } = context.root.place(location);
  return settled(write, bytes.length, () =>
    context.client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: bytes,
        ChecksumCRC32: crc32Header(bytes),
        Metadata: { [writeIdKey]: writeId },
        ...(overwrite ? {} : { IfNoneMatch: '*' }),
      }),
    ),
  );
}

/** The upload is aborted only when it is known not to have completed. */
async function upload(write: Write, first: Part, rest: AsyncIterable<Part>): Promise<ObjectInfo> {
  const { context, location, writeId, overwrite } = write;
  const place = context.root.place(location);
  const uploadId = await createUpload(context, place, writeId);
  const target = { Bucket: place.bucket, Key: place.key, UploadId: uploadId };
  const abort = () =>
    context.client.send(new AbortMultipartUploadCommand(target)).catch(() => {
      // The first error is the one to report; the bucket's lifecycle rule removes what stays.
    });
  async function* all(): AsyncGenerator<Part> {
    yield first;
    yield* rest;
  }
  const sent = await sendParts({ context, place, uploadId, parts: all() }).catch(async (error: unknown) => {
    await abort();
    throw error;
  });
  try {
    return await settled(write, sent.sizeBytes, () =>
      context.client.send(
        new CompleteMultipartUploadCommand({
          ...target,
          MultipartUpload: { Parts: sent.parts.map(completedPart) },
          ...(overwrite ? {} : { IfNoneMatch: '*' }),
        }),
      ),
    );
  } catch (error) {
    if (!isUnavailable(error)) await abort();
    throw error;
  }
}

/** Begins an upload whose object will carry the write id. */
export async function createUpload(context: S3Context, place: S3Place, writeId: string): Promise<string> {
  const { UploadId } = await context.client.send(
    new CreateMultipartUploadCommand({
      Bucket: place.bucket,
      Key: place.key,
      ChecksumAlgorithm: 'CRC32',
      Metadata: { [writeIdKey]: writeId },
    }),
  );
  if (UploadId === undefined) throw new TypeError('S3 gave no upload id');
  return UploadId;
}

export function completedPart(part: PendingPart): CompletedPart {
  return { PartNumber: part.number, ETag: part.etag, ChecksumCRC32: part.crc32 };
}

/** Does the deciding request; whenever its answer may be about an earlier try of ours, the object itself says. */
export async function settled(
  write: Write,
  sizeBytes: number,
  request: () => Promise<unknown>,
): Promise<ObjectInfo> {
  const { context, location } = write;
  try {
    await request();
    return { location, sizeBytes, modifiedMs: context.now() };
  } catch (error) {
    const doubtful = isUnavailable(error) || statusOf(error) === 412 || isNamed(error, 'NoSuchUpload');
    if (!doubtful) throw error;
    const standing = await standingObject(write, error);
    if (standing?.writeId === write.writeId && standing.sizeBytes === sizeBytes)
      return { location, sizeBytes, modifiedMs: standing.modifiedMs };
    if (statusOf(error) === 412 && standing === undefined) {
      // Whoever was there is gone again.
      throw new StoreUnavailableError(`${context.root.location}: ${location} came and went`, {
        cause: error,
      });
    }
    throw error;
  }
}

async function standingObject(write: Write, first: unknown) {
  const { context, location } = write;
  const { bucket, key } = context.root.place(location);
  try {
    const head = await context.client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return {
      writeId: head.Metadata?.[writeIdKey],
      sizeBytes: head.ContentLength ?? 0,
      modifiedMs: head.LastModified?.getTime() ?? 0,
    };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw first;
  }
}

export function writeFailure(error: unknown, location: Location): unknown {
  if (statusOf(error) === 412) {
    return new ObjectExistsError(`${location} exists already`, { cause: error, details: { location } });
  }
  if (statusOf(error) === 409) {
    return new StoreUnavailableError(`${location} is being written by others all the time`, {
      cause: error,
      details: { location },
    });
  }
  return objectFailure(error, 's3:PutObject', location);
}
