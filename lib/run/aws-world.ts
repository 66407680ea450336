import { mkdir } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { duckDbEngine } from '../engine/duckdb.ts';
import { type AwsClientOptions, openAwsClients } from '../stores/aws-clients.ts';
import { openGlueCatalog } from '../stores/catalogs/glue-catalog.ts';
import { openDynamoState } from '../stores/dynamo/state.ts';
import type { Clock } from '../stores/ports.ts';
import { openS3Pending } from '../stores/s3/pending.ts';
import { openS3Store } from '../stores/s3/s3.ts';
import type { ProgressEvent } from './progress-event.ts';
import type { World } from './workload.ts';

export interface BucketPrefix {
  readonly bucket: string;
  /** Default: the whole bucket. */
  readonly prefix?: string;
}

export interface AwsWorldOptions extends AwsClientOptions {
  readonly staging: BucketPrefix;
  readonly warehouse: BucketPrefix;
  readonly results: BucketPrefix;
  /** Name of the state table. */
  readonly stateTable: string;
  /** Absolute folder for spill, outputs and fetched copies, this process's own; `/tmp/...` in a Lambda. */
  readonly workRoot: string;
  /** Bytes of fetched copies that stay for the next unit, per store. Default 2 GiB. */
  readonly cacheBytes?: number;
  readonly resumeHorizonMs?: number;
  readonly threads?: number;
  readonly memoryBytes?: number;
  /** Whether the state machine has a job for units of Spark's, or what runs them here. */
  readonly spark?: World['spark'];
  readonly clock?: Clock;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly step?: World['step'];
}

export interface AwsWorld extends World, AsyncDisposable {
  /** Drops fetched copies over the limit; between two units, when no session is open. */
  trim(): Promise<void>;
}

/** S3, DynamoDB, the Glue Data Catalog, and DuckDB in this process. */
export async function openAwsWorld(options: AwsWorldOptions): Promise<AwsWorld> {
  const { workRoot } = options;
  await mkdir(workRoot, { recursive: true });
  const clock = options.clock ?? { now: () => Date.now() };
  await using opened = new AsyncDisposableStack();
  const clients = opened.use(openAwsClients(options));
  const store = async (role: string, { bucket, prefix = '' }: BucketPrefix) =>
    opened.use(
      await openS3Store({
        client: clients.s3,
        bucket,
        prefix,
        workFolder: `${workRoot}/copies-${role}`,
        cacheBytes: options.cacheBytes ?? 2 * 2 ** 30,
        now: () => clock.now(),
      }),
    );
  const staging = await store('staging', options.staging);
  const warehouse = await store('warehouse', options.warehouse);
  const results = await store('results', options.results);
  const state = openDynamoState({
    client: clients.dynamodb,
    table: options.stateTable,
    clock,
    ...(options.resumeHorizonMs === undefined ? {} : { resumeHorizonMs: options.resumeHorizonMs }),
  });
  const kept = opened.move();
  return {
    staging,
    warehouse,
    pending: openS3Pending({
      client: clients.s3,
      bucket: options.warehouse.bucket,
      prefix: options.warehouse.prefix ?? '',
    }),
    results,
    catalog: openGlueCatalog({ client: clients.glue, store: warehouse }),
    state,
    engine: duckDbEngine,
    ...(options.spark === undefined ? {} : { spark: options.spark }),
    clock,
    workRoot,
    resources: {
      threads: options.threads ?? availableParallelism(),
      memoryBytes: options.memoryBytes ?? Math.floor(totalmem() / 2),
    },
    progress: options.onProgress ?? (() => undefined),
    step: options.step ?? (async () => undefined),
    trim: async () => {
      for (const one of [staging, warehouse, results]) await one.trim();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
