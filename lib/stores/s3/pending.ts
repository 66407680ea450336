import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3';
import { PendingWriteLostError } from '../../errors.ts';
import { awsFailure, isNamed, statusOf } from '../aws-errors.ts';
import type { BegunWrite, Location, PendingFile, PendingSource, PendingWrites } from '../ports.ts';
import { retrying } from '../retrying.ts';
import { type S3Context, type S3ContextOptions, s3Context } from './context.ts';
import { fileSource, type Part, partSize, streamSource } from './parts.ts';
import { sendParts } from './send-parts.ts';
import { completedPart, createUpload, settled, writeFailure } from './write.ts';

/**
 * Pending files as multipart uploads: the parts go up when a file is written, and CompleteMultipartUpload with
 * If-None-Match gives it its name. Also a small or an empty file is an upload, of one part.
 * @example openS3Pending({ client, bucket: 'lake', prefix: 'exports' })
 */
export function openS3Pending(options: S3ContextOptions): PendingWrites {
  const context = s3Context(options);
  return {
    write: (destination, source, { sizeHintBytes = 0 } = {}) =>
      writePending(context, destination, source, partSize(sizeHintBytes, context.partBytes)),
    complete: (file) => complete(context, file),
    abort: (write) => abort(context, write),
    list: (prefix) => list(context, prefix),
  };
}

async function writePending(
  context: S3Context,
  destination: Location,
  source: PendingSource,
  partBytes: number,
): Promise<PendingFile> {
  const place = context.root.place(destination);
  const writeId = context.newId();
  const { parts } =
    'path' in source ? await fileSource(source.path, partBytes) : streamSource(source, partBytes);
  const hash = createHash('sha256');
  async function* hashed(): AsyncGenerator<Part> {
    for await (const part of parts()) {
      hash.update(part.bytes);
      yield part;
    }
  }
  let handle: string | undefined;
  try {
    handle = await createUpload(context, place, writeId);
    const sent = await sendParts({ context, place, uploadId: handle, parts: hashed() });
    return { destination, handle, writeId, ...sent, sha256: hash.digest('hex') };
  } catch (error) {
    // The first error is the one to report; what stays is found by its age.
    if (handle !== undefined) await abort(context, { destination, handle }).catch(() => undefined);
    throw writeFailure(error, destination);
  }
}

/**
 * A 409 means that another request about the name was under way. It may have been our own, so the object is asked; S3
 * may also have given the upload up, which the next try hears as NoSuchUpload.
 */
async function complete(context: S3Context, file: PendingFile) {
  const { destination, handle, writeId } = file;
  const { bucket, key } = context.root.place(destination);
  const write = { context, location: destination, writeId, overwrite: false };
  try {
    return await retrying(
      context.retrying,
      (error) => statusOf(error) === 409,
      () =>
        settled(write, file.sizeBytes, () =>
          context.client.send(
            new CompleteMultipartUploadCommand({
              Bucket: bucket,
              Key: key,
              UploadId: handle,
              MultipartUpload: { Parts: file.parts.map(completedPart) },
              IfNoneMatch: '*',
            }),
          ),
        ),
    );
  } catch (error) {
    if (isNamed(error, 'NoSuchUpload')) {
      throw new PendingWriteLostError(`the upload of ${destination} is gone and nothing stands there`, {
        cause: error,
        details: { location: destination, handle },
        safe: 'files that have their names already stay',
      });
    }
    throw writeFailure(error, destination);
  }
}

async function abort(
  context: S3Context,
  { destination, handle }: Pick<BegunWrite, 'destination' | 'handle'>,
): Promise<void> {
  const { bucket, key } = context.root.place(destination);
  try {
    await context.client.send(
      new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: handle }),
    );
  } catch (error) {
    if (!isNamed(error, 'NoSuchUpload') && statusOf(error) !== 404)
      throw awsFailure(error, 's3:AbortMultipartUpload', destination);
  }
}

async function* list(context: S3Context, prefix: Location): AsyncGenerator<BegunWrite> {
  const { bucket, key } = context.root.prefix(prefix);
  let marker: { readonly KeyMarker?: string | undefined; readonly UploadIdMarker?: string | undefined } = {};
  for (;;) {
    const page = await context.client
      .send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, EncodingType: 'url', ...marker }))
      .catch((error: unknown) => {
        throw awsFailure(error, 's3:ListBucketMultipartUploads', prefix);
      });
    for (const upload of page.Uploads ?? []) {
      const name = upload.Key ?? '';
      const decoded = page.EncodingType === 'url' ? decodeURIComponent(name.replaceAll('+', ' ')) : name;
      yield {
        destination: `s3://${bucket}/${decoded}`,
        handle: upload.UploadId ?? '',
        begunMs: upload.Initiated?.getTime() ?? 0,
      };
    }
    if (page.IsTruncated !== true) return;
    marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
}
