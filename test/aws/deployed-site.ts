import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { inject } from 'vitest';
import { openOnAws } from '../../functions/runtime/aws.ts';
import { functionWorld, openWith } from '../../functions/runtime/world.ts';
import type { TaskHandler } from '../../lib/asl/index.ts';
import { configDigest, type Deployment, deploymentParameter, loadPipeline } from '../../lib/config/index.ts';
import { objectAccess } from '../../lib/run/local/local-objects.ts';
import { type Home, newHome } from '../cli/harness.ts';
import { call, functionNames } from '../functions/site.ts';
import { deploy } from './deployment.ts';
import { credentials, region } from './stand-ins.ts';
import { openStepFunctions, type StepFunctions } from './step-functions.ts';
import { uniqueName } from './world.ts';

/** Two buckets, no tie-breaks; its tables are in a database of their own. */
export const smallPipeline = `
pipeline: accounts
kind: summary
columns:
  - { name: account_id, type: bigint }
  - { name: month, type: month }
  - { name: balance, type: bigint }
  - { name: updated_at, type: timestamp }
key: account_id
month: month
version: updated_at
history: [{ name: balance }]
historyLength: 6
tables: { namespace: typed, buckets: 2 }
`;
export const points = `
pipeline: accounts
kind: rollup
points:
  series: { name: id, type: bigint }
  time: { from: logical_timestamp, type: bigint }
  value: { from: long_value }
  shard: { name: metric_shard_id, type: int }
  labels: [{ name: org_id }, { name: metric }]
resolutions: [1m, 1h]
batches: { start: 2026-01-01T00:00:00Z, every: 1h }
lateness: 15m
duplicates: last
maxGap: 1d
tables: { namespace: typed }
`;

/** What becomes of a function's call before the function itself is called. */
type Before = (name: string, payload: unknown) => Promise<void> | void;

export interface DeployedSite extends AsyncDisposable {
  readonly home: Home;
  readonly machine: StepFunctions;
  readonly pipeline: string;
  readonly names: Awaited<ReturnType<typeof deploy>>['names'];
  /** Variables of the person's shell. */
  readonly variables: Record<string, string>;
  /** Variables that name every resource, as the functions have them. */
  readonly environment: Readonly<Record<string, string>>;
  before: Before;
  /** Ctrl-C for the command under way; the next one is not concerned. */
  interrupt(): void;
  /** Changes the pipeline file and deploys it. */
  redeploy(yaml: string): Promise<void>;
  /** Puts a file into the home folder. */
  write(name: string, text: string): Promise<void>;
}

/**
 * A pipeline as it is deployed, on the stand-ins: its parameter, its functions behind the state machine and the queue, and a
 * folder to type commands in. With `spark` it has a job of Spark. The functions are one per process, so there is one site at a time.
 */
export async function openDeployedSite(yaml: string, spark?: TaskHandler): Promise<DeployedSite> {
  await using opened = new AsyncDisposableStack();
  const signals = { current: new AbortController() };
  const variables: Record<string, string> = {
    AWS_REGION: region,
    AWS_ENDPOINT_URL_SSM: inject('endpoints').glue,
  };
  const home = opened.use(
    await newHome({
      variables,
      signal: () => signals.current.signal,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 100))),
    }),
  );
  const file = join(home.path, 'pipelines', 'accounts.yaml');
  await mkdir(join(home.path, 'pipelines'));
  await writeFile(file, yaml);
  const config = await loadPipeline(file);
  const { environment: deployed, names, sqs, queueUrl } = await deploy();
  const site = { before: (() => undefined) as Before };
  const machine = opened.use(
    await openStepFunctions({
      name: uniqueName('partwise-accounts'),
      definition: JSON.parse(await readFile('lib/asl/pipeline.asl.json', 'utf8')),
      functions: Object.fromEntries(
        functionNames.map((name) => [
          name,
          async (payload: unknown) => {
            await site.before(name, payload);
            return call(name, payload);
          },
        ]),
      ),
      objects: async () => objectAccess({ results: (await functionWorld()).world.results }),
      ...(spark === undefined ? {} : { spark }),
    }),
  );
  const environment = {
    ...deployed,
    AWS_ENDPOINT_URL_SFN: machine.url,
    PARTWISE_STATE_MACHINE: machine.stateMachineArn,
    PARTWISE_WORK: join(home.path, 'lambda'),
    PARTWISE_SPARK: spark === undefined ? '' : 'glue',
  };
  Object.assign(process.env, environment, { PARTWISE_PIPELINE_FILE: file });
  for (const [name, value] of Object.entries(environment))
    if (name.startsWith('AWS_')) variables[name] = value;
  const ssm = new SSMClient({ region, credentials, endpoint: inject('endpoints').glue });
  const deployPipeline = async () => {
    const now = await loadPipeline(file);
    openWith(openOnAws);
    const deployment: Deployment = {
      version: 1,
      pipeline: now.pipeline,
      stateMachine: machine.stateMachineArn,
      queue: queueUrl,
      stateTable: deployed['PARTWISE_STATE_TABLE'] ?? '',
      staging: names.STAGING,
      warehouse: names.WAREHOUSE,
      results: names.RESULTS,
      configDigest: configDigest(now),
      concurrency: 2,
    };
    await ssm.send(
      new PutParameterCommand({
        Name: deploymentParameter(now.pipeline),
        Value: JSON.stringify(deployment),
        Type: 'String',
        Overwrite: true,
      }),
    );
  };
  await deployPipeline();
  opened.defer(pumpQueue(sqs, queueUrl));
  opened.defer(async () => {
    const { world } = await functionWorld();
    for (const table of await world.catalog.list(config.tables.namespace)) await world.catalog.drop(table);
  });
  const kept = opened.move();
  return Object.assign(site, {
    home,
    machine,
    names,
    variables,
    environment,
    pipeline: config.pipeline,
    interrupt: () => {
      signals.current.abort();
      signals.current = new AbortController();
    },
    redeploy: async (changed: string) => {
      await writeFile(file, changed);
      await deployPipeline();
    },
    write: (name: string, text: string) => writeFile(join(home.path, name), text),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  });
}

/** Hands the queue's messages to the trigger, as Lambda's event source does. Returns what ends it. */
function pumpQueue(sqs: Awaited<ReturnType<typeof deploy>>['sqs'], queueUrl: string): () => Promise<void> {
  const control = new AbortController();
  const pumping = (async () => {
    while (!control.signal.aborted) {
      const { Messages: messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 0 }),
      );
      for (const { MessageId: messageId = '', Body: body = '', ReceiptHandle: handle } of messages) {
        const answer = (await call('trigger', { Records: [{ messageId, body }] })) as {
          readonly batchItemFailures: readonly unknown[];
        };
        if (answer.batchItemFailures.length === 0)
          await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: handle }));
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  return async () => {
    control.abort();
    await pumping;
  };
}
