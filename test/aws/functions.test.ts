import { readFileSync } from 'node:fs';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, inject, it } from 'vitest';
import { openOnAws } from '../../functions/runtime/aws.ts';
import { functionWorld, openWith } from '../../functions/runtime/world.ts';
import {
  type Json,
  LAMBDA_INVOKE,
  lambdaInvoke,
  loadStateMachine,
  startExecution,
} from '../../lib/asl/index.ts';
import { loadPipeline } from '../../lib/config/index.ts';
import { objectAccess } from '../../lib/run/local-objects.ts';
import { call, functionNames, recorded } from '../functions/site.ts';
import { credentials, region } from './stand-ins.ts';
import { createStateTable, testClients, uniqueName } from './world.ts';

const endpoints = inject('endpoints');
const definition = JSON.parse(readFileSync('lib/asl/pipeline.asl.json', 'utf8'));

/** The environment of a deployed function, with the stand-ins' addresses. */
async function deploy() {
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
  Object.assign(process.env, {
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
  });
  openWith(openOnAws);
  return { names, sqs, sfn, queueUrl, stateMachineArn };
}

it('a file dropped into the staging bucket becomes tables, through the functions as they are deployed', async () => {
  const { names, sqs, sfn, queueUrl, stateMachineArn } = await deploy();
  using clients = testClients();
  const header = 'acct_no,reporting_month,load_ts,batch_no,product_cd,bal_am,del_cd\n';
  const put = async (key: string, body: string) => {
    const { ETag: etag = '' } = await clients.s3.send(
      new PutObjectCommand({ Bucket: names.STAGING, Key: key, Body: header + body }),
    );
    const { Records: records } = JSON.parse(JSON.stringify(await recorded('s3-object-created')));
    const event = JSON.parse(records[0].body);
    event.detail.bucket.name = names.STAGING;
    event.detail.object = {
      ...event.detail.object,
      key,
      etag: etag.replaceAll('"', ''),
      size: header.length + body.length,
    };
    return { Records: [{ ...records[0], body: JSON.stringify(event) }] };
  };
  const first = await put(
    'accounts/2025-10 and 09.csv',
    '1,2025-10,2025-11-01 00:00:00,1,card,100,\n2,2025-10,2025-11-01 00:00:00,1,card,200,\n',
  );
  expect(await call('trigger', first)).toEqual({ batchItemFailures: [] });
  // The window is open: we are woken when it is over.
  const { Messages: wakes } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
  );
  expect(wakes ?? []).toEqual([]);
  // What no event told of is found by the schedule, which waits for no window.
  await put('accounts/lost.csv', '1,2025-09,2025-11-01 00:00:00,1,card,90,\n');
  expect(await call('trigger', await recorded('schedule'))).toEqual({ batchItemFailures: [] });
  const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn }));
  expect(executions.map(({ status }) => status)).toEqual(['RUNNING']);

  const { world } = await functionWorld();
  const run = async (name: string) =>
    startExecution({
      machine: loadStateMachine(definition, {
        substitutions: Object.fromEntries([...functionNames, 'results'].map((one) => [one, one])),
      }),
      name,
      input: { pipeline: 'accounts', concurrency: 4 },
      tasks: {
        [LAMBDA_INVOKE]: lambdaInvoke(
          Object.fromEntries(functionNames.map((one) => [one, (payload: Json) => call(one, payload)])),
        ),
      },
      objects: objectAccess({ results: world.results }),
      signal: new AbortController().signal,
    });
  const result = await run(executions[0]?.name ?? '');
  expect([result.status, result.error, result.cause]).toEqual(['SUCCEEDED', undefined, undefined]);
  const [ended] = await world.state.runs.list('accounts');
  expect(ended).toMatchObject({ status: 'succeeded', facts: { input: { rowsAccepted: 3, files: 2 } } });
  expect(await world.catalog.list('partwise')).toEqual(
    expect.arrayContaining([{ namespace: 'partwise', name: 'accounts_summary' }]),
  );
  // The same again changes nothing, and a running execution makes the next one wait.
  expect(await call('trigger', first)).toEqual({ batchItemFailures: [] });
  expect(await call('reap', await recorded('sweep'))).toMatchObject({
    pending: 0,
    start: { kind: 'nothing' },
  });
  const late = await put('accounts/late.csv', '1,2025-08,2025-11-02 00:00:00,1,card,80,\n');
  await call('trigger', late);
  await call('trigger', await recorded('schedule'));
  expect((await sfn.send(new ListExecutionsCommand({ stateMachineArn }))).executions).toHaveLength(1);
  const config = await loadPipeline('pipelines/accounts.yaml');
  for (const role of ['summary', 'latest', 'tombstones'] as const)
    await world.catalog.drop({ namespace: config.tables.namespace, name: `accounts_${role}` });
});
