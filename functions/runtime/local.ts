import { randomUUID } from 'node:crypto';
import type { Context } from 'aws-lambda';
import { openLocalWorld } from '../../lib/run/local/local-world.ts';
import { contentVersion } from '../../lib/run/sources/version.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { fileLocation, filePath } from '../../lib/stores/location.ts';
import type { Clock } from '../../lib/stores/ports.ts';
import type { ExecutionStart } from '../../lib/stores/trigger-ports.ts';
import type { FunctionWorld, OpenWorld } from './world.ts';

export interface LocalOptions {
  readonly root: string;
  /** Name that events call the staging bucket by; its objects are the files of `<root>/staging`. */
  readonly stagingBucket?: string;
  readonly clock?: Clock;
  readonly onStart: (start: ExecutionStart) => void;
  readonly onWake: (delaySeconds: number) => void;
  readonly onEnd: (detail: Readonly<Record<string, unknown>>) => void;
}

/** The embedded world behind the functions' own code: what would leave the machine is handed to the caller instead. */
export function openLocally(options: LocalOptions): OpenWorld {
  return async (config): Promise<FunctionWorld & AsyncDisposable> => {
    const { root, clock } = options;
    const world = await openLocalWorld({ root, ...(clock === undefined ? {} : { clock }) });
    const stagingRoot = fileLocation(world.stagingPath);
    return {
      world,
      config,
      announcer: { runEnded: async (detail) => options.onEnd(detail) },
      trigger: {
        stagingBucket: options.stagingBucket ?? 'partwise-staging',
        stagingRoot,
        executions: {
          isAnyRunning: async () => false,
          start: async (start) => {
            options.onStart(start);
            return 'started';
          },
        },
        wakes: { later: async (_, delaySeconds) => options.onWake(delaySeconds) },
        listing: {
          async *list(prefix) {
            const files = await openDirectoryStore({ path: world.stagingPath });
            for await (const { location, sizeBytes, modifiedMs } of files.list(`${stagingRoot}/${prefix}`)) {
              const etag = (await contentVersion(filePath(location))).slice(0, 32);
              yield { key: location.slice(stagingRoot.length + 1), etag, sizeBytes, modifiedMs };
            }
          },
        },
        inventories: await openDirectoryStore({ path: `${world.rootPath}/inventories` }),
      },
      // Files are read where they are.
      trim: async () => undefined,
      [Symbol.asyncDispose]: () => world.close(),
    };
  };
}

/** What Lambda tells a handler about its call. */
export function localContext(name: string, remainingMs = 900_000): Context {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    memoryLimitInMB: '3072',
    awsRequestId: randomUUID(),
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => remainingMs,
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}
