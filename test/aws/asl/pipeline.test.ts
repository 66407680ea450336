import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openOnAws } from '../../../functions/runtime/aws.ts';
import { functionWorld, openWith } from '../../../functions/runtime/world.ts';
import {
  type Json,
  LAMBDA_INVOKE,
  lambdaInvoke,
  loadStateMachine,
  type ObjectAccess,
  startExecution,
} from '../../../lib/asl/index.ts';
import { objectAccess } from '../../../lib/run/local/local-objects.ts';
import { call, functionNames, recorded } from '../../functions/site.ts';
import { readTables } from '../../summary/tables.ts';
import { noSpark } from '../../support/no-spark.ts';
import { deploy } from '../deployment.ts';
import { inDatabase } from '../product.ts';
import { testClients } from '../world.ts';
import { openSecondInterpreter, type SecondInterpreter } from './second-interpreter.ts';

let second: SecondInterpreter;
beforeAll(async () => {
  second = await openSecondInterpreter();
});
afterAll(() => second[Symbol.asyncDispose]());

interface Execution {
  readonly definition: { readonly [key: string]: Json };
  readonly name: string;
  readonly input: Json;
  readonly invoke: (name: string, payload: Json) => Promise<unknown>;
  readonly objects: ObjectAccess;
}
type Interpreter = (execution: Execution) => Promise<{
  readonly status: string;
  readonly error: string | undefined;
  readonly cause: string | undefined;
}>;

const ours: Interpreter = ({ definition, name, input, invoke, objects }) =>
  startExecution({
    machine: loadStateMachine(definition),
    name,
    input,
    tasks: {
      ...noSpark,
      [LAMBDA_INVOKE]: lambdaInvoke(
        Object.fromEntries(functionNames.map((one) => [one, (payload: Json) => invoke(one, payload)])),
      ),
    },
    objects,
  });
const theirs: Interpreter = (execution) => second.run(execution);

/**
 * The synthesised definition without what the second interpreter does not know, for both: items come as one JSON array,
 * nobody writes the results of a Map, an ItemSelector is an object of expressions, and nothing is ever redriven.
 */
function definitionFor(results: string): { readonly [key: string]: Json } {
  const text = readFileSync('lib/asl/pipeline.asl.json', 'utf8')
    .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => (name === 'results' ? results : name))
    .replaceAll('$states.context.Execution.RedriveCount', '0');
  return JSON.parse(text, (key, value) => {
    if (key === 'InputType' && value === 'JSONL') return 'JSON';
    if (key === 'ResultWriter') return undefined;
    if (key === 'ItemSelector')
      return { item: '{% $states.context.Map.Item.Value %}', attempt: '{% $attempt %}' };
    if (key === 'Payload' && value === '{% $states.input %}')
      return "{% $merge([$states.input.item, {'attempt': $states.input.attempt}]) %}";
    return value;
  });
}

/** Lists of items as one array each, as the definition wants them here. */
function asArrays(objects: ObjectAccess): ObjectAccess {
  return {
    ...objects,
    async *getObject(bucket, key) {
      const text = (await buffer(objects.getObject(bucket, key) as never)).toString();
      yield Buffer.from(`[${text.trimEnd().split('\n').join(',')}]`);
    },
  };
}

/** From two files in the staging bucket to tables, with the functions as they are deployed and the given interpreter. */
async function through(interpret: Interpreter, sabotage?: (names: Record<string, string>) => Promise<void>) {
  const { environment, names, database, sfn, stateMachineArn } = await deploy();
  Object.assign(process.env, environment);
  openWith(openOnAws);
  using clients = testClients();
  const header = 'acct_no,reporting_month,load_ts,batch_no,product_cd,bal_am,del_cd\n';
  for (const [key, rows] of [
    ['accounts/one.csv', ['1,2025-10', '2,2025-10', '3,2025-09']],
    ['accounts/two.csv', ['1,2025-09', '4,2025-10']],
  ] as const) {
    const lines = rows.map((row) => `${row},2025-11-01 00:00:00,1,card,100,\n`);
    await clients.s3.send(
      new PutObjectCommand({ Bucket: names.STAGING, Key: key, Body: header + lines.join('') }),
    );
  }
  // No event told of them: the schedule finds them and starts an execution.
  await call('trigger', await recorded('schedule'));
  const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn }));
  const { world } = await functionWorld();
  const calls: (readonly [name: string, payload: string])[] = [];
  const { status, error } = await interpret({
    definition: definitionFor(names.RESULTS),
    name: executions[0]?.name ?? '',
    input: { pipeline: 'accounts', concurrency: 4 },
    invoke: async (name, payload) => {
      calls.push([name, JSON.stringify(payload)]);
      if (name === 'audit') await sabotage?.(names);
      return call(name, payload);
    },
    objects: asArrays(objectAccess({ [names.RESULTS]: world.results, results: world.results })),
  });
  const [run] = await world.state.runs.list('accounts');
  await mkdir(world.workRoot, { recursive: true });
  const catalog = inDatabase(world.catalog, database);
  const rows = await readTables({ ...world, catalog, rootPath: world.workRoot }, 'main', 'accounts');
  const alike = (text: string) =>
    Object.entries({ ...names, DATABASE: database })
      .reduce((said, [name, bucket]) => said.replaceAll(bucket, name), text)
      .replaceAll(run?.runId ?? '', 'RUN')
      .replaceAll(/\barn:aws:states:[\w:-]+/g, 'EXECUTION')
      // Units are named after what they read, files by chance.
      .replaceAll(/-[0-9a-f]{10,12}\b/g, '-ID');
  return {
    status,
    error,
    run: { status: run?.status, error: run?.error?.name },
    calls: inOrder(calls.map(([name, payload]) => [name, alike(payload)])),
    summary: rows.summary.map((row) => alike(JSON.stringify(row))).sort(),
    latest: rows.latest.map((row) => alike(JSON.stringify(row))).sort(),
  };
}

/** Units of one Map are called side by side: each such group is a set. */
function inOrder(calls: readonly (readonly [name: string, payload: string])[]): readonly string[] {
  const groups: string[][] = [];
  let last = '';
  for (const [name, payload] of calls) {
    const said = `${name} ${payload}`;
    if (name === 'work' && last === 'work') groups.at(-1)?.push(said);
    else groups.push([said]);
    last = name;
  }
  return groups.flatMap((group) => group.toSorted());
}

it('both interpreters take the product from files to the same tables by the same calls', async () => {
  const first = await through(ours);
  expect(first).toMatchObject({ status: 'SUCCEEDED', run: { status: 'succeeded' } });
  expect(first.summary).toHaveLength(5);
  expect(first.latest).toHaveLength(4);
  expect(await through(theirs)).toEqual(first);
});

it('both interpreters fail by the name of the error after it was recorded', async () => {
  const sabotage = async (names: Record<string, string>) => {
    using clients = testClients();
    const Bucket = names['WAREHOUSE'] ?? '';
    const { Contents: objects = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket }));
    const file = objects.find(({ Key }) => Key?.endsWith('.parquet'));
    await clients.s3.send(new DeleteObjectCommand({ Bucket, Key: file?.Key }));
  };
  const first = await through(ours, sabotage);
  expect(first).toMatchObject({
    status: 'FAILED',
    error: 'ObjectNotFoundError',
    run: { status: 'failed', error: 'ObjectNotFoundError' },
    summary: [],
  });
  expect(first.calls.slice(-2)).toEqual([
    expect.stringMatching(/^report .*"outcome":"failed"/),
    expect.stringMatching(/^report .*"action":"raise"/),
  ]);
  expect(await through(theirs, sabotage)).toEqual(first);
});
