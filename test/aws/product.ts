import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { inject } from 'vitest';
import { stringify } from 'yaml';
import { type AwsWorldOptions, openAwsWorld } from '../../lib/run/aws-world.ts';
import { attempt } from '../../lib/run/local/local-attempt.ts';
import type { AwsClients } from '../../lib/stores/aws-clients.ts';
import type { CatalogPointer, TableIdentifier } from '../../lib/stores/ports.ts';
import { summaryWorkload } from '../../lib/summary/index.ts';
import { writeSourceFile } from '../generators/files.ts';
import { pipelineDocument } from '../generators/shape.ts';
import type { Product, ProductOptions } from '../summary/product.ts';
import { parseSummary } from '../support/pipelines.ts';
import { credentials, region } from './stand-ins.ts';
import { createStateTable, testClients, uniqueName } from './world.ts';

export interface AwsProduct extends Product {
  /** Another process on the same buckets and tables. */
  another(world?: Partial<AwsWorldOptions>): Promise<AwsProduct>;
  /** Straight to the stand-ins, whatever the world goes through. */
  readonly clients: AwsClients;
  /** Name of the Glue database that holds the tables. */
  readonly database: string;
  readonly buckets: { readonly staging: string; readonly warehouse: string; readonly results: string };
}

/** Buckets, a state table and a database of their own. */
export async function makeResources(): Promise<Resources> {
  const buckets = {
    staging: uniqueName('staging'),
    warehouse: uniqueName('warehouse'),
    results: uniqueName('results'),
  };
  const stateTable = uniqueName('state');
  using clients = testClients();
  for (const Bucket of Object.values(buckets)) await clients.s3.send(new CreateBucketCommand({ Bucket }));
  await createStateTable(clients.dynamodb, stateTable);
  return { buckets, stateTable, database: uniqueName('db').replaceAll('-', '_') };
}

/** The product on the stand-ins, in buckets and a state table of its own. */
export async function openAwsProduct(options: AwsProductOptions): Promise<AwsProduct> {
  return openOn(await makeResources(), options);
}

interface AwsProductOptions extends Pick<ProductOptions, 'shape' | 'document'> {
  readonly world?: Partial<AwsWorldOptions>;
}

interface Resources {
  readonly buckets: AwsProduct['buckets'];
  readonly stateTable: string;
  readonly database: string;
}

/** The catalog is one for all products of the suite: each has its tables in a database of its own. */
export function inDatabase(catalog: CatalogPointer, database: string): CatalogPointer {
  const there = (identifier: TableIdentifier) => ({ ...identifier, namespace: database });
  return {
    ...catalog,
    current: (identifier) => catalog.current(there(identifier)),
    list: () => catalog.list(database),
    drop: (identifier) => catalog.drop(there(identifier)),
    swap: (swaps) => catalog.swap(swaps.map((one) => ({ ...one, identifier: there(one.identifier) }))),
  };
}

/** A process on the stand-ins, with a folder of its own. */
export async function openSite(resources: Resources, options: Partial<AwsWorldOptions> = {}) {
  const { buckets, stateTable, database } = resources;
  const folder = await mkdtemp(join(tmpdir(), 'partwise-aws-'));
  const clients = testClients();
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
    ...options,
  });
  const close = async () => {
    await aws[Symbol.asyncDispose]();
    clients[Symbol.dispose]();
    await rm(folder, { recursive: true, force: true });
  };
  const catalog = inDatabase(aws.catalog, database);
  const world = { ...aws, catalog, rootPath: folder, stagingPath: folder, close };
  let uploaded = 0;
  const upload = async (pipeline: string, path: string, name: string, arrivedMs = world.clock.now()) => {
    uploaded += 1;
    const Key = `${pipeline}/${name}`;
    const Body = await readFile(path);
    await clients.s3.send(new PutObjectCommand({ Bucket: buckets.staging, Key, Body }));
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: buckets.staging, Key }));
    await world.state.intake.record({
      pipeline,
      feed: 'records',
      location: `s3://${buckets.staging}/${Key}`,
      version: (head.ETag ?? '').replaceAll('"', ''),
      sizeBytes: Body.length,
      sequencer: uploaded.toString(16).padStart(16, '0'),
      arrivedMs,
    });
  };
  return { folder, clients, world, close, upload };
}

async function openOn(resources: Resources, options: AwsProductOptions): Promise<AwsProduct> {
  const { shape, document } = options;
  const { buckets, database } = resources;
  const config = await parseSummary(stringify(pipelineDocument(shape, document)), 'proof.yaml');
  const { folder, clients, world, close, upload } = await openSite(resources, options.world);
  const workloadOf = () => summaryWorkload;
  let dropped = 0;
  return {
    shape,
    world,
    config,
    buckets,
    clients,
    database,
    another: (other = {}) => openOn(resources, { ...options, world: other }),
    drop: async (files) => {
      for (const file of files) {
        dropped += 1;
        const path = join(folder, 'made', file.name);
        await writeSourceFile(path, { ...file, shape });
        await upload(config.pipeline, path, file.name);
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
