import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { inject } from 'vitest';
import { stringify } from 'yaml';
import { parsePipeline } from '../../lib/config/index.ts';
import { type AwsWorldOptions, openAwsWorld } from '../../lib/run/aws-world.ts';
import { attempt } from '../../lib/run/local-attempt.ts';
import { summaryWorkload } from '../../lib/summary/index.ts';
import { writeSourceFile } from '../generators/files.ts';
import { pipelineDocument } from '../generators/shape.ts';
import type { Product, ProductOptions } from '../summary/product.ts';
import { tableIdentifier, tableRoles } from '../summary/tables.ts';
import { credentials, region } from './stand-ins.ts';
import { createStateTable, testClients, uniqueName } from './world.ts';

export interface AwsProduct extends Product {
  readonly buckets: { readonly staging: string; readonly warehouse: string; readonly results: string };
}

/** The product on the stand-ins, in buckets and a state table of its own. One at a time: the tables' names are the same. */
export async function openAwsProduct(
  options: Pick<ProductOptions, 'shape' | 'document'> & {
    readonly world?: Partial<AwsWorldOptions>;
  },
): Promise<AwsProduct> {
  const { shape, document } = options;
  const folder = await mkdtemp(join(tmpdir(), 'partwise-aws-'));
  const config = await parsePipeline(stringify(pipelineDocument(shape, document)), 'proof.yaml');
  const buckets = {
    staging: uniqueName('staging'),
    warehouse: uniqueName('warehouse'),
    results: uniqueName('results'),
  };
  const stateTable = uniqueName('state');
  const clients = testClients();
  for (const Bucket of Object.values(buckets)) await clients.s3.send(new CreateBucketCommand({ Bucket }));
  await createStateTable(clients.dynamodb, stateTable);
  const aws = await openAwsWorld({
    region,
    credentials,
    endpoints: inject('endpoints'),
    staging: { bucket: buckets.staging },
    warehouse: { bucket: buckets.warehouse, prefix: 'tables' },
    results: { bucket: buckets.results },
    stateTable,
    workRoot: join(folder, 'work'),
    threads: 1,
    memoryBytes: 2 ** 30,
    ...options.world,
  });
  const close = async () => {
    // The catalog is one for all products of the suite.
    for (const role of tableRoles) await aws.catalog.drop(tableIdentifier(role));
    await aws[Symbol.asyncDispose]();
    clients[Symbol.dispose]();
    await rm(folder, { recursive: true, force: true });
  };
  const world = { ...aws, rootPath: folder, stagingPath: folder, close };
  const workloadOf = () => summaryWorkload;
  let dropped = 0;
  return {
    shape,
    world,
    config,
    buckets,
    drop: async (files) => {
      for (const file of files) {
        dropped += 1;
        const path = join(folder, 'made', file.name);
        await writeSourceFile(path, { ...file, shape });
        const Key = `${config.pipeline}/${file.name}`;
        const Body = await readFile(path);
        await clients.s3.send(new PutObjectCommand({ Bucket: buckets.staging, Key, Body }));
        const head = await clients.s3.send(new HeadObjectCommand({ Bucket: buckets.staging, Key }));
        await world.state.intake.record({
          pipeline: config.pipeline,
          feed: 'records',
          location: `s3://${buckets.staging}/${Key}`,
          version: (head.ETag ?? '').replaceAll('"', ''),
          sizeBytes: Body.length,
          sequencer: dropped.toString(16).padStart(16, '0'),
          arrivedMs: world.clock.now(),
        });
      }
    },
    dropped: () => dropped,
    run: async () => ({
      ...(await attempt({ world, config, workloadOf }, { mode: 'run', branch: 'main' })),
      arrivals: undefined,
    }),
    resume: async (runId) => ({
      ...(await attempt({ world, config, workloadOf }, { mode: 'run', runId })),
      arrivals: undefined,
    }),
    [Symbol.asyncDispose]: close,
  };
}
