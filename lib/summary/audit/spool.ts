import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import { type JsonLinesFile, openJsonLinesFile } from '../../run/json-lines-file.ts';

/** Values grouped by bucket on local disk: written in any order, read one shard of buckets at a time. */
export interface BucketSpool<T> extends AsyncDisposable {
  add(bucket: number, value: T): Promise<void>;
  /** Ends the writing. Every bucket once, with its values in the order in which they came. */
  buckets(): AsyncIterable<readonly [bucket: number, values: readonly T[]]>;
}

const shards = 64;

/** @param folder a folder of the run; the spool makes one of its own below it and removes that in the end, and the folder where nothing else is in it */
export async function openBucketSpool<T>(folder: string): Promise<BucketSpool<T>> {
  const own = `${folder}/audit-${randomBytes(4).toString('hex')}`;
  await mkdir(own, { recursive: true });
  const writers = new Map<number, JsonLinesFile>();
  const path = (shard: number) => `${own}/${shard}.jsonl`;
  return {
    async add(bucket, value) {
      const shard = bucket % shards;
      const writer = writers.get(shard) ?? openJsonLinesFile(path(shard));
      writers.set(shard, writer);
      await writer.write([bucket, value]);
    },
    async *buckets() {
      await Promise.all([...writers.values()].map((writer) => writer.end()));
      for (const shard of [...writers.keys()].sort((a, b) => a - b)) {
        const lines = (await readFile(path(shard), 'utf8')).split('\n').filter((line) => line !== '');
        const groups = new Map<number, T[]>();
        for (const line of lines) {
          const [bucket, value] = JSON.parse(line) as [number, T];
          const group = groups.get(bucket);
          if (group === undefined) groups.set(bucket, [value]);
          else group.push(value);
        }
        for (const [bucket, values] of [...groups].sort(([a], [b]) => a - b)) yield [bucket, values];
      }
    },
    async [Symbol.asyncDispose]() {
      // A spool may go before it was read.
      for (const writer of writers.values()) writer.destroy();
      await rm(own, { recursive: true, force: true });
      // Whoever only looks has nothing else in there.
      await rmdir(folder).catch(() => undefined);
    },
  };
}
