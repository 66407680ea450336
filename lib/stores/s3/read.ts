import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { CorruptStateError, SourceChangedError, StoreUnavailableError } from '../../errors.ts';
import { statusOf } from '../aws-errors.ts';
import type { Location } from '../ports.ts';
import { objectFailure, type S3Context } from './context.ts';

/** Which bytes of which state of an object. */
export interface ReadRequest {
  readonly location: Location;
  /** Default 0. */
  readonly from?: number;
  /** Up to and without; default: the end of the object. */
  readonly to?: number;
  /** The object must still be this one. */
  readonly etag?: string;
  readonly versionId?: string;
}

/**
 * The bytes, streamed. A body that breaks off is taken up again where it broke, pinned to the state that the first
 * answer was of, so that what is read is never half of one object and half of another.
 * @throws ObjectNotFoundError, SourceChangedError, AccessDeniedError, StoreUnavailableError
 */
export async function* readBytes(context: S3Context, request: ReadRequest): AsyncGenerator<Uint8Array> {
  let from = request.from ?? 0;
  let pinned = request.etag;
  for (let broken = 0; ; broken += 1) {
    const answer = await get(context, {
      ...request,
      from,
      ...(pinned === undefined ? {} : { etag: pinned }),
    });
    if (answer === undefined) return;
    pinned = answer.ETag;
    const expected = answer.ContentLength ?? 0;
    let received = 0;
    try {
      for await (const chunk of (answer.Body ?? []) as AsyncIterable<Uint8Array>) {
        received += chunk.length;
        from += chunk.length;
        yield chunk;
      }
      if (received < expected) throw new Error(`the body ended after ${received} of ${expected} bytes`);
      return;
    } catch (cause) {
      if (isChecksumMismatch(cause) || (received >= expected && expected > 0)) {
        throw new CorruptStateError(`${request.location}: what arrived is not what was written`, {
          cause,
          details: { location: request.location },
        });
      }
      if (broken + 1 >= context.retrying.attempts) {
        throw new StoreUnavailableError(`reading ${request.location} broke off again and again`, { cause });
      }
      await context.retrying.sleep(context.retrying.random() * 100 * (broken + 1));
    }
  }
}

/** undefined when the range begins at or after the object's end. */
async function get(context: S3Context, request: ReadRequest): Promise<GetObjectCommandOutput | undefined> {
  const { location, from = 0, to, etag, versionId } = request;
  const { bucket, key } = context.root.place(location);
  const whole = from === 0 && to === undefined;
  if (to !== undefined && to <= from) return undefined;
  try {
    return await context.client.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        Range: whole ? undefined : `bytes=${from}-${to === undefined ? '' : to - 1}`,
        IfMatch: etag,
        VersionId: versionId,
      }),
    );
  } catch (error) {
    if (statusOf(error) === 416) return undefined;
    if (statusOf(error) === 412) throw changed(location, error);
    throw objectFailure(error, 's3:GetObject', location);
  }
}

/** The SDK compares whole bodies with the checksum that S3 keeps; its error has no name of its own. */
function isChecksumMismatch(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Checksum mismatch');
}

export function changed(location: Location, cause: unknown): SourceChangedError {
  return new SourceChangedError(`${location} was overwritten or deleted`, {
    cause,
    details: { location },
    safe: 'nothing of it was used',
  });
}

export async function collectBytes(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const collected: Uint8Array[] = [];
  for await (const chunk of chunks) collected.push(chunk);
  return collected.length === 1 && collected[0] !== undefined ? collected[0] : Buffer.concat(collected);
}
