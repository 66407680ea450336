import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { PipelineConfig } from '../../lib/config/index.ts';
import { eventBridgeAnnouncer } from '../../lib/stores/eventbridge-announcer.ts';
import { s3Listing } from '../../lib/stores/s3/listing.ts';
import { sfnExecutions } from '../../lib/stores/sfn-executions.ts';
import { sqsWakes } from '../../lib/stores/sqs-wakes.ts';
import { openStores, type StoresOptions } from './aws-stores.ts';
import { bucketName, setting } from './settings.ts';
import type { FunctionWorld } from './world.ts';

/** The world of a deployed function: everything is named by its environment, which the stack sets. */
export async function openOnAws(config: PipelineConfig, options: StoresOptions = {}): Promise<FunctionWorld> {
  const stagingBucket = bucketName('PARTWISE_STAGING');
  const { world, inventories, s3 } = await openStores(config, options);
  return {
    world,
    config,
    announcer: eventBridgeAnnouncer({ client: new EventBridgeClient() }),
    trigger: {
      executions: sfnExecutions({
        client: new SFNClient(),
        stateMachineArn: setting('PARTWISE_STATE_MACHINE'),
      }),
      wakes: sqsWakes({ client: new SQSClient(), queueUrl: setting('PARTWISE_QUEUE') }),
      listing: s3Listing({ client: s3, bucket: stagingBucket }),
      inventories,
      stagingBucket,
      stagingRoot: world.staging.root,
    },
    trim: async () => {
      for (const one of [world, inventories]) await one.trim();
    },
  };
}
