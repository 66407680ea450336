import { type FileHandle, open } from 'node:fs/promises';
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { statusOf } from '../aws-errors.ts';
import type { ByteRange, Location } from '../ports.ts';
import { isMissing, mustHaveBucket, objectFailure, type S3Context } from './context.ts';
import { changed, collectBytes, type ReadRequest, readBytes } from './read.ts';

/** One state of an object, which reads can be pinned to. */
export interface ObjectState {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly versionId?: string;
}

/** The state to fetch: the version asked for, else what the key holds now. */
export async function stateOf(
  context: S3Context,
  location: Location,
  version: string | undefined,
): Promise<ObjectState> {
  const { bucket, key } = context.root.place(location);
  const wanted = version === undefined ? {} : versionOf(version);
  const { versionId } = wanted;
  try {
    const head = await context.client.send(
      new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId, IfMatch: wanted.etag }),
    );
    const etag = head.ETag ?? '';
    if (wanted.etag !== undefined && etag !== wanted.etag) throw changed(location, undefined);
    return { etag, sizeBytes: head.ContentLength ?? 0, ...(versionId === undefined ? {} : { versionId }) };
  } catch (error) {
    if (isMissing(error)) await mustHaveBucket(context, location);
    // A version that is gone is as good as overwritten: whoever asked for it cannot have it.
    if (statusOf(error) === 412 || (version !== undefined && isMissing(error)))
      throw changed(location, error);
    throw objectFailure(error, 's3:GetObject', location);
  }
}

/**
 * What the object ends in, up to so many bytes, and the state that it is in: one request where two would ask for the state
 * first. undefined of an object without bytes, which has no range.
 * @throws ObjectNotFoundError, SourceChangedError
 */
export async function tailOf(
  context: S3Context,
  location: Location,
  bytes: number,
): Promise<{ readonly state: ObjectState; readonly tail: ReadBytes } | undefined> {
  const { bucket, key } = context.root.place(location);
  const answer = await context.client
    .send(new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=-${bytes}` }))
    .catch(async (error: unknown) => {
      if (statusOf(error) === 416) return undefined;
      if (isMissing(error)) await mustHaveBucket(context, location);
      throw objectFailure(error, 's3:GetObject', location);
    });
  if (answer === undefined) return undefined;
  const { ETag: etag = '', ContentLength: length = 0 } = answer;
  // Without it the answer is the whole object.
  const sizeBytes = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? length);
  const state = { etag, sizeBytes };
  const from = sizeBytes - length;
  const body = await collectBytes((answer.Body ?? []) as AsyncIterable<Uint8Array>).catch(() => undefined);
  const whole = body?.length === length ? body : undefined;
  const tail = whole ?? (await collectBytes(readBytes(context, { ...pinnedTo(location, state), from })));
  if (tail.length !== length) throw changed(location, undefined);
  return { state, tail: { from, bytes: tail } };
}

/**
 * An intake item's version is an S3 version id, an ETag (32 hexadecimal digits, `-` and a number after a multipart
 * upload, quoted or not), or a SHA-256 of the content, which whoever prepares the object compares.
 */
function versionOf(version: string): { readonly etag?: string; readonly versionId?: string } {
  const bare = version.replaceAll('"', '');
  if (/^[0-9a-f]{32}(-\d+)?$/.test(bare)) return { etag: `"${bare}"` };
  return /^[0-9a-f]{64}$/.test(bare) ? {} : { versionId: version };
}

/** What pins a read to the state that was seen. */
export function pinnedTo(
  location: Location,
  { etag, versionId }: ObjectState,
): Omit<ReadRequest, 'from' | 'to'> {
  return { location, etag, ...(versionId === undefined ? {} : { versionId }) };
}

/** Bytes that were read already, and where they belong. */
export interface ReadBytes {
  readonly from: number;
  readonly bytes: Uint8Array;
}

/**
 * What is known and the ranges, in pieces side by side, at their places in a new file of the object's length; zeros
 * elsewhere, which take no room on the disk. @throws SourceChangedError
 */
export async function fetchTo(options: {
  readonly context: S3Context;
  readonly location: Location;
  readonly state: ObjectState;
  readonly ranges: readonly ByteRange[];
  readonly known: readonly ReadBytes[];
  readonly path: string;
}): Promise<void> {
  const { context, location, state, path } = options;
  await using file = await open(path, 'wx');
  await file.truncate(state.sizeBytes);
  for (const { from, bytes } of options.known) await writeAt(file, bytes, from);
  const pieces = options.ranges.flatMap((range) => piecesOf(range, context.partBytes));
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let piece = pieces[next++]; piece !== undefined; piece = pieces[next++]) {
      let at = piece.from;
      for await (const chunk of readBytes(context, { ...pinnedTo(location, state), ...piece })) {
        await writeAt(file, chunk, at);
        at += chunk.length;
      }
      if (at !== piece.to) throw changed(location, undefined);
    }
  };
  await Promise.all(Array.from({ length: Math.min(context.parallel, pieces.length) }, worker));
}

function piecesOf({ from, to }: ByteRange, pieceBytes: number): readonly ByteRange[] {
  const count = Math.ceil((to - from) / pieceBytes);
  return Array.from({ length: count }, (_, at) => ({
    from: from + at * pieceBytes,
    to: Math.min(from + (at + 1) * pieceBytes, to),
  }));
}

async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}
