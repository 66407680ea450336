import { readFileSync } from 'node:fs';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { openOnAws } from '../../functions/runtime/aws.ts';
import { functionWorld, openWith } from '../../functions/runtime/world.ts';
import {
  type Json,
  LAMBDA_INVOKE,
  lambdaInvoke,
  loadStateMachine,
  startExecution,
} from '../../lib/asl/index.ts';
import { objectAccess } from '../../lib/run/local/local-objects.ts';
import { call, functionNames, recorded } from '../functions/site.ts';
import { noSpark } from '../support/no-spark.ts';
import { deploy } from './deployment.ts';
import { testClients } from './world.ts';

const definition = JSON.parse(readFileSync('lib/asl/pipeline.asl.json', 'utf8'));

it('a file dropped into the staging bucket becomes tables, through the functions as they are deployed', async () => {
  const { environment, names, database, sqs, sfn, queueUrl, stateMachineArn } = await deploy();
  Object.assign(process.env, environment);
  openWith(openOnAws);
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
        substitutions: Object.fromEntries([...functionNames, 'results', 'spark'].map((one) => [one, one])),
      }),
      name,
      input: { pipeline: 'accounts', concurrency: 4 },
      tasks: {
        ...noSpark,
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
  expect(await world.catalog.list(database)).toContainEqual({
    namespace: database,
    name: 'accounts_summary',
  });
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
});
