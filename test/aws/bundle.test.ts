import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { type LambdaProcess, startLambda } from '../../bench/lambda-runtime.ts';
import { StateFailure } from '../../lib/asl/errors.ts';
import { type Json, LAMBDA_INVOKE, loadStateMachine, startExecution } from '../../lib/asl/index.ts';
import { objectAccess } from '../../lib/run/local/local-objects.ts';
import { bundleFunctions } from '../../lib/stacks/function-code.ts';
import { openS3Store } from '../../lib/stores/s3/s3.ts';
import { noSpark } from '../support/no-spark.ts';
import { loadSummary } from '../support/pipelines.ts';
import { deploy } from './deployment.ts';
import { testClients } from './world.ts';

const names = ['trigger', 'intake', 'plan', 'work', 'audit', 'publish', 'report'];
const rows = 20_000;

/** The bundle that would be deployed, one process per function, under a Runtime API of our own. */
it('the deployed bundle takes a file to a table, each function in a process of its own', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-bundle-run-'));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const bundle = join(folder, 'bundle');
  const config = await loadSummary('pipelines/accounts.yaml');
  // The catalog is one for all files of the suite.
  bundleFunctions(bundle, { ...config, tables: { ...config.tables, namespace: 'bundled' } });
  // This machine's DuckDB in place of the one for arm64.
  await rm(join(bundle, 'node_modules'), { recursive: true });
  await symlink(resolve('node_modules'), join(bundle, 'node_modules'));
  const { environment, names: buckets } = await deploy();
  const functions = new Map<string, LambdaProcess>();
  for (const name of names) {
    functions.set(
      name,
      cleanup.use(
        await startLambda({
          bundle,
          name,
          environment: { ...environment, PARTWISE_WORK: join(folder, name) },
        }),
      ),
    );
  }
  using clients = testClients();
  let body = 'acct_no,reporting_month,load_ts,batch_no,product_cd,bal_am,del_cd\n';
  for (let row = 0; row < rows; row += 1) body += `${row},2025-10,2025-11-01 00:00:00,1,card,${row % 977},\n`;
  await clients.s3.send(
    new PutObjectCommand({ Bucket: buckets.STAGING, Key: 'accounts/2025-10.csv', Body: body }),
  );

  const calls: string[] = [];
  const invoke = async (name: string, payload: unknown) => {
    const called = functions.get(name);
    if (called === undefined) throw new TypeError(`there is no function ${name}`);
    const answer = await called.call(payload);
    calls.push(
      `| ${name} | ${called.initMs.toFixed(0)} | ${answer.elapsedMs.toFixed(0)} | ${called.peakMb().toFixed(0)} |`,
    );
    if (answer.error !== undefined) throw new StateFailure(answer.error, JSON.stringify(answer.body));
    return answer.body;
  };
  await invoke('trigger', JSON.parse(await readFile('events/schedule.json', 'utf8')));
  await using results = await openS3Store({
    client: clients.s3,
    bucket: buckets.RESULTS,
    prefix: '',
    workFolder: join(folder, 'results'),
  });
  const result = await startExecution({
    machine: loadStateMachine(JSON.parse(await readFile('lib/asl/pipeline.asl.json', 'utf8')), {
      substitutions: Object.fromEntries([...names, 'results', 'spark'].map((name) => [name, name])),
    }),
    name: 'bundle',
    input: { pipeline: 'accounts', concurrency: 1 },
    tasks: {
      ...noSpark,
      [LAMBDA_INVOKE]: async (task) => {
        const { FunctionName: name, Payload: payload } = task as { FunctionName: string; Payload: Json };
        return { Payload: (await invoke(name, payload)) as Json, StatusCode: 200 };
      },
    },
    objects: objectAccess({ results }),
    signal: new AbortController().signal,
  });
  console.log(`\n| call | init ms | call ms | peak MB |\n|---|--:|--:|--:|\n${calls.join('\n')}`);
  expect([result.status, result.error, result.cause]).toEqual(['SUCCEEDED', undefined, undefined]);
});
