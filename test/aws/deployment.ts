import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { inject, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { joinLocation } from '../../lib/stores/location.ts';
import type { ObjectStore } from '../../lib/stores/ports.ts';
import { credentials, region } from './stand-ins.ts';
import { createStateTable, testClients, uniqueName } from './world.ts';

const endpoints = inject('endpoints');

/**
 * The environment of a deployed function, with the stand-ins' addresses. Tables are in a database of the deployment's own,
 * files in a folder of its own; call it in a test.
 */
export async function deploy() {
  using clients = testClients();
  const names = {
    STAGING: uniqueName('staging'),
    WAREHOUSE: uniqueName('warehouse'),
    RESULTS: uniqueName('results'),
    INVENTORIES: uniqueName('inventories'),
  };
  for (const Bucket of Object.values(names)) await clients.s3.send(new CreateBucketCommand({ Bucket }));
  const stateTable = uniqueName('state');
  await createStateTable(clients.dynamodb, stateTable);
  const database = uniqueName('db').replaceAll('-', '_');
  const folder = await mkdtemp(join(tmpdir(), 'partwise-deployed-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const pipelineFile = join(folder, 'accounts.yaml');
  const pipeline = parse(await readFile('pipelines/accounts.yaml', 'utf8'));
  await writeFile(
    pipelineFile,
    stringify({ ...pipeline, tables: { ...pipeline.tables, namespace: database } }),
  );
  const connection = { region, credentials, endpoint: endpoints.glue };
  const sqs = new SQSClient(connection);
  const sfn = new SFNClient(connection);
  const { QueueUrl: queueUrl = '' } = await sqs.send(
    new CreateQueueCommand({ QueueName: uniqueName('queue') }),
  );
  const { stateMachineArn = '' } = await sfn.send(
    new CreateStateMachineCommand({
      name: uniqueName('partwise'),
      roleArn: 'arn:aws:iam::123456789012:role/states',
      definition: JSON.stringify({
        StartAt: 'Wait',
        States: { Wait: { Type: 'Wait', Seconds: 600, End: true } },
      }),
    }),
  );
  const environment: Readonly<Record<string, string>> = {
    PARTWISE_PIPELINE_FILE: pipelineFile,
    PARTWISE_WORK: join(folder, 'work'),
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: endpoints.s3,
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    AWS_ENDPOINT_URL_GLUE: endpoints.glue,
    AWS_ENDPOINT_URL_SFN: endpoints.glue,
    AWS_ENDPOINT_URL_SQS: endpoints.glue,
    AWS_ENDPOINT_URL_EVENTBRIDGE: endpoints.glue,
    PARTWISE_STATE_TABLE: stateTable,
    PARTWISE_STATE_MACHINE: stateMachineArn,
    PARTWISE_QUEUE: queueUrl,
    ...Object.fromEntries(
      Object.entries(names).map(([name, bucket]) => [`PARTWISE_${name}`, `s3://${bucket}`]),
    ),
  };
  return { environment, names, database, pipelineFile, sqs, sfn, queueUrl, stateMachineArn };
}

/** The items of a Map, as its reader takes them from the results bucket. */
export async function listItems(results: ObjectStore, key: string): Promise<readonly object[]> {
  const items: object[] = [];
  for await (const line of results.readLines(joinLocation(results.root, key)))
    if (line !== '') items.push(JSON.parse(line));
  return items;
}
