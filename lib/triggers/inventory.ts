import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { CorruptStateError, UnsupportedFeatureError, WrongBucketError } from '../errors.ts';
import { joinLocation } from '../stores/location.ts';
import type { ObjectStore } from '../stores/ports.ts';
import { sequencerOfTime } from '../stores/sequencer.ts';
import type { ArrivedObject } from './messages.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html */
const manifestSchema = z.object({
  sourceBucket: z.string(),
  fileFormat: z.string(),
  fileSchema: z.string(),
  files: z.array(z.object({ key: z.string(), MD5checksum: z.string() })),
});

export interface InventoryOptions {
  /** The bucket that inventories are delivered to. */
  readonly inventories: ObjectStore;
  /** Key of a `manifest.checksum`. It is written last, so everything else is there. */
  readonly checksumKey: string;
  readonly stagingBucket: string;
}

const needed = ['Key', 'Size', 'LastModifiedDate', 'ETag'] as const;

/**
 * The objects that an inventory of the staging bucket lists, streamed file by file: a bulk first load, or whatever no
 * event ever told of.
 *
 * @throws CorruptStateError when a checksum does not match, WrongBucketError, UnsupportedFeatureError
 */
export async function* inventoryObjects(options: InventoryOptions): AsyncIterable<ArrivedObject> {
  const { inventories, checksumKey, stagingBucket } = options;
  const at = (key: string) => joinLocation(inventories.root, key);
  const manifestKey = checksumKey.replace(/manifest\.checksum$/, 'manifest.json');
  const bytes = await inventories.read(at(manifestKey));
  const expected = new TextDecoder().decode(await inventories.read(at(checksumKey))).trim();
  if (md5(bytes) !== expected) throw damaged(manifestKey);
  const parsed = manifestSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  if (!parsed.success) throw damaged(manifestKey, parsed.error);
  const manifest = parsed.data;
  if (manifest.sourceBucket !== stagingBucket) {
    throw new WrongBucketError(
      `${manifestKey} lists bucket ${manifest.sourceBucket}; the staging bucket is ${stagingBucket}`,
      { safe: 'nothing was recorded' },
    );
  }
  const columns = manifest.fileSchema.split(',').map((name) => name.trim());
  const missing = needed.filter((name) => !columns.includes(name));
  if (manifest.fileFormat !== 'CSV' || missing.length > 0) {
    throw new UnsupportedFeatureError(
      `${manifestKey} is ${manifest.fileFormat} with ${manifest.fileSchema}; needed: CSV with ${needed.join(', ')}`,
      { safe: 'nothing was recorded', next: "set the inventory up as the storage stack does: 'arrivals'" },
    );
  }
  const [key, size, modified, etag] = needed.map((name) => columns.indexOf(name)) as [
    number,
    number,
    number,
    number,
  ];
  for (const file of manifest.files) {
    const content = await inventories.read(at(file.key));
    if (md5(content) !== file.MD5checksum) throw damaged(file.key);
    for (const fields of rows(gunzipSync(content))) {
      yield {
        bucket: manifest.sourceBucket,
        // Keys are URL-encoded in the CSV.
        key: decodeURIComponent((fields[key] ?? '').replaceAll('+', ' ')),
        sizeBytes: Number(fields[size] ?? 0),
        etag: fields[etag] ?? '',
        sequencer: sequencerOfTime(Date.parse(fields[modified] ?? '')),
      };
    }
  }
}

/** Every field is quoted; none holds a quote or a line end, since keys are encoded. */
function* rows(content: Uint8Array): Iterable<readonly string[]> {
  let from = 0;
  while (from < content.length) {
    const end = content.indexOf(10, from);
    const line = Buffer.from(content.subarray(from, end < 0 ? content.length : end))
      .toString('utf8')
      .trim();
    if (line !== '') yield line.slice(1, -1).split('","');
    if (end < 0) return;
    from = end + 1;
  }
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

function damaged(key: string, cause?: unknown): CorruptStateError {
  return new CorruptStateError(`the inventory file ${key} is not what its manifest says`, {
    cause,
    safe: 'nothing of it was recorded; the next inventory comes tomorrow',
  });
}
