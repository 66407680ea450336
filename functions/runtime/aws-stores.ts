import { mkdir, statfs } from 'node:fs/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { type PipelineConfig, parseDurationMs } from '../../lib/config/index.ts';
import { type AwsWorld, openAwsWorld } from '../../lib/run/aws-world.ts';
import { openAwsClients } from '../../lib/stores/aws-clients.ts';
import { openS3Store, type S3Store } from '../../lib/stores/s3/s3.ts';
import { bucketName, setting } from './settings.ts';

export interface Stores {
  readonly world: AwsWorld;
  readonly inventories: S3Store;
  readonly s3: S3Client;
}

/** Memory that comes with one core. */
const mebibytesPerCore = 1_769;
/** Of each of the three stores' copies, as a share of the disk: the rest is for spill and outputs. */
const cacheShare = 0.1;

export interface StoresOptions {
  /** Bytes of fetched copies that stay for the next unit, per store. Default: a tenth of the disk. */
  readonly cacheBytes?: number;
}

/** S3, DynamoDB and the Glue Data Catalog as a function's world. Endpoints are the region's, or those of the environment. */
export async function openStores(config: PipelineConfig, options: StoresOptions = {}): Promise<Stores> {
  // Each execution environment has a disk of its own.
  const workRoot = process.env['PARTWISE_WORK'] ?? '/tmp/partwise';
  const memoryMiB = Number(process.env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] ?? 2_048);
  const connection = { region: setting('AWS_REGION'), endpoints: endpoints() };
  const world = await openAwsWorld({
    ...connection,
    staging: { bucket: bucketName('PARTWISE_STAGING') },
    warehouse: { bucket: bucketName('PARTWISE_WAREHOUSE') },
    results: { bucket: bucketName('PARTWISE_RESULTS') },
    stateTable: setting('PARTWISE_STATE_TABLE'),
    workRoot,
    cacheBytes: options.cacheBytes ?? (await diskBytes(workRoot)) * cacheShare,
    ...(process.env['PARTWISE_SPARK'] === 'glue' ? { spark: 'glue' as const } : {}),
    resumeHorizonMs: parseDurationMs(config.resumeHorizon),
    threads: Math.max(1, Math.round(memoryMiB / mebibytesPerCore)),
    memoryBytes: memoryMiB * 2 ** 20,
  });
  const { s3 } = openAwsClients(connection);
  const inventories = await openS3Store({
    client: s3,
    bucket: bucketName('PARTWISE_INVENTORIES'),
    prefix: '',
    workFolder: `${workRoot}/inventories`,
    cacheBytes: 0,
  });
  return { world, inventories, s3 };
}

async function diskBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const { bsize, blocks } = await statfs(folder);
  return bsize * blocks;
}

/** As the SDK itself names them; S3 also needs to know that buckets are no host names there. */
function endpoints(): { readonly s3?: string; readonly dynamodb?: string; readonly glue?: string } {
  const at = (service: string) => {
    const url = process.env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`];
    return url === undefined ? {} : { [service]: url };
  };
  return { ...at('s3'), ...at('dynamodb'), ...at('glue') };
}
