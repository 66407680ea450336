import { crc32 } from 'node:zlib';
import { UploadPartCommand } from '@aws-sdk/client-s3';
import type { PendingPart } from '../ports.ts';
import type { S3Context } from './context.ts';
import type { S3Place } from './location.ts';
import type { Part } from './parts.ts';

interface SendOptions {
  readonly context: S3Context;
  readonly place: S3Place;
  readonly uploadId: string;
  readonly parts: AsyncIterable<Part>;
}

/**
 * The parts of one upload side by side, at most `parallel` of them and at most `bufferBytes` in memory (a part that is
 * larger goes alone). Whatever happens, no request is under way when it returns; the first failure is the one thrown.
 */
export async function sendParts(
  options: SendOptions,
): Promise<{ readonly parts: readonly PendingPart[]; readonly sizeBytes: number }> {
  const { context } = options;
  const done: PendingPart[] = [];
  const failures: unknown[] = [];
  const sending = new Set<Promise<void>>();
  let sendingBytes = 0;
  let sizeBytes = 0;
  const send = (part: Part): void => {
    sizeBytes += part.bytes.length;
    sendingBytes += part.bytes.length;
    const sent = sendPart(options, part)
      .then(
        (one) => void done.push(one),
        (error: unknown) => void failures.push(error),
      )
      .finally(() => {
        sendingBytes -= part.bytes.length;
        sending.delete(sent);
      });
    sending.add(sent);
  };
  try {
    for await (const part of options.parts) {
      while (sending.size > 0 && sendingBytes + part.bytes.length > context.bufferBytes)
        await Promise.race(sending);
      if (failures.length > 0) break;
      send(part);
      if (sending.size >= context.parallel) await Promise.race(sending);
      if (failures.length > 0) break;
    }
  } catch (error) {
    failures.unshift(error);
  }
  await Promise.all(sending);
  if (failures.length > 0) throw failures[0];
  return { parts: done.sort((left, right) => left.number - right.number), sizeBytes };
}

async function sendPart({ context, place, uploadId }: SendOptions, part: Part): Promise<PendingPart> {
  const checksum = crc32Header(part.bytes);
  const { ETag } = await context.client.send(
    new UploadPartCommand({
      Bucket: place.bucket,
      Key: place.key,
      UploadId: uploadId,
      PartNumber: part.number,
      Body: part.bytes,
      ChecksumCRC32: checksum,
    }),
  );
  return { number: part.number, etag: ETag ?? '', crc32: checksum };
}

/** CRC-32, big-endian, base64: the form of the x-amz-checksum-crc32 header. */
export function crc32Header(bytes: Uint8Array): string {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(bytes));
  return value.toString('base64');
}
