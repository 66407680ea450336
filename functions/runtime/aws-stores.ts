import type { S3Client } from '@aws-sdk/client-s3';
import type { PipelineConfig } from '../../lib/config/index.ts';
import { UnsupportedFeatureError } from '../../lib/errors.ts';
import type { World } from '../../lib/run/workload.ts';
import type { ObjectStore } from '../../lib/stores/ports.ts';

export interface Stores {
  readonly world: World;
  readonly inventories: ObjectStore;
  readonly s3: S3Client;
}

/** S3, DynamoDB and the Glue Data Catalog as a function's world. */
export async function openStores(config: PipelineConfig): Promise<Stores> {
  throw new UnsupportedFeatureError(`this version cannot open the stores of ${config.pipeline} on AWS`, {
    safe: 'nothing was done; what has arrived waits',
  });
}
