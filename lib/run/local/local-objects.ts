import { createReadStream } from 'node:fs';
import type { ObjectAccess } from '../../asl/index.ts';
import { ObjectNotFoundError } from '../../errors.ts';
import { joinLocation } from '../../stores/location.ts';
import type { ObjectStore } from '../../stores/ports.ts';

/** Buckets for the state machine's readers and writers: each name is one object store, keys lie below its root. */
export function objectAccess(buckets: Readonly<Record<string, ObjectStore>>): ObjectAccess {
  const storeOf = (bucket: string): ObjectStore => {
    const store = buckets[bucket];
    if (store === undefined) throw new ObjectNotFoundError(`there is no bucket ${bucket}`);
    return store;
  };
  return {
    async *getObject(bucket, key) {
      const store = storeOf(bucket);
      yield* createReadStream(await store.localPath(joinLocation(store.root, key)));
    },
    async *listObjects(bucket, prefix) {
      const store = storeOf(bucket);
      for await (const object of store.list(joinLocation(store.root, prefix))) {
        yield {
          key: object.location.slice(store.root.length + 1),
          sizeBytes: object.sizeBytes,
          etag: `${object.sizeBytes}-${object.modifiedMs}`,
          modifiedMs: object.modifiedMs,
        };
      }
    },
    async putObject(bucket, key, body) {
      const store = storeOf(bucket);
      await store.write(joinLocation(store.root, key), body, { overwrite: true });
    },
  };
}
