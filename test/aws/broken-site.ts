import { readFileSync } from 'node:fs';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { vi } from 'vitest';
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
import type { World } from '../../lib/run/workload.ts';
import type { IntakeItem, RunRecord } from '../../lib/stores/ports.ts';
import { call, functionNames, recorded } from '../functions/site.ts';
import { noSpark } from '../support/no-spark.ts';
import { deploy } from './deployment.ts';
import { type FaultProxy, openFaultProxy, operationOf } from './faults.ts';
import type { ProxiedRequest } from './proxy.ts';
import { testClients } from './world.ts';

const definition = JSON.parse(readFileSync('lib/asl/pipeline.asl.json', 'utf8'));
const header = 'acct_no,reporting_month,load_ts,batch_no,product_cd,bal_am,del_cd\n';
export const services = ['s3', 'dynamodb', 'glue'] as const;
export type Service = (typeof services)[number];

/** A line of a function's log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly error?: { readonly name: string; readonly message: string };
  readonly next?: string;
  readonly run?: string;
}

export interface Site extends AsyncDisposable {
  readonly names: Awaited<ReturnType<typeof deploy>>['names'];
  /** The configuration that the functions have. */
  readonly pipelineFile: string;
  put(key: string, rows: readonly string[]): Promise<void>;
  /** From now on, requests of this kind are answered as IAM does that does not allow them. */
  deny(service: Service, matches: (asked: ProxiedRequest) => boolean): void;
  /** What was wrong is put right, as far as it was done by `deny` and `redeploy`. */
  mend(): void;
  /** The functions start anew, with other settings. */
  redeploy(environment: Readonly<Record<string, string>>): void;
  /** The schedule's message: takes in what lies in the staging bucket, starts an execution. */
  schedule(): Promise<unknown>;
  /** An execution of the state machine with the functions as they are deployed. */
  execute(input?: Json): Promise<{
    readonly status: string;
    readonly error: string | undefined;
    readonly cause: string | undefined;
  }>;
  /** Error lines of the functions' logs so far. */
  readonly log: readonly LogLine[];
  world(): Promise<World>;
  run(): Promise<RunRecord | undefined>;
  items(): Promise<readonly IntakeItem[]>;
}

/** The product deployed on the stand-ins, each service behind a proxy that may refuse. */
export async function openSite(): Promise<Site> {
  await using opened = new AsyncDisposableStack();
  const { environment, names, pipelineFile, sfn, stateMachineArn } = await deploy();
  const proxies = new Map<Service, FaultProxy>();
  let mended = false;
  for (const service of services) {
    const target = environment[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] ?? '';
    proxies.set(service, opened.use(await openFaultProxy(target)));
  }
  const redeploy = (more: Readonly<Record<string, string>>) => {
    Object.assign(process.env, environment, more);
    for (const [service, { url }] of proxies) process.env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] = url;
    for (const service of ['SFN', 'SQS', 'EVENTBRIDGE'])
      process.env[`AWS_ENDPOINT_URL_${service}`] = proxies.get('glue')?.url;
    openWith(openOnAws);
  };
  redeploy({});
  const log = watchLog(opened);
  const clients = opened.use(testClients());
  const world = async () => (await functionWorld()).world;
  const running = opened.move();
  return {
    names,
    pipelineFile,
    log,
    world,
    put: async (key, rows) => {
      const Body = header + rows.map((row) => `${row},2025-11-01 00:00:00,1,card,100,\n`).join('');
      await clients.s3.send(new PutObjectCommand({ Bucket: names.STAGING, Key: key, Body }));
    },
    deny: (service, matches) => {
      const code = service === 's3' ? 'AccessDenied' : 'AccessDeniedException';
      const status = service === 's3' ? 403 : 400;
      proxies.get(service)?.strike({ kind: 'status', status, code }, Number.POSITIVE_INFINITY, (asked) => {
        return !mended && matches(asked);
      });
    },
    mend: () => {
      mended = true;
      redeploy({});
    },
    redeploy,
    schedule: async () => call('trigger', await recorded('schedule')),
    execute: async (input = { pipeline: 'accounts', concurrency: 4 }) => {
      const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn }));
      const objects = await resultsAccess(world);
      return startExecution({
        machine: loadStateMachine(definition, {
          substitutions: Object.fromEntries([...functionNames, 'results', 'spark'].map((one) => [one, one])),
        }),
        name: executions[0]?.name ?? 'by-hand',
        input,
        tasks: {
          ...noSpark,
          [LAMBDA_INVOKE]: lambdaInvoke(
            Object.fromEntries(functionNames.map((one) => [one, (payload: Json) => call(one, payload)])),
          ),
        },
        objects,
      });
    },
    run: async () => (await (await world()).state.runs.list('accounts'))[0],
    items: async () => {
      const items: IntakeItem[] = [];
      for await (const item of (await world()).state.intake.list('accounts', {})) items.push(item);
      return items;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function resultsAccess(world: () => Promise<World>) {
  const { results } = await world();
  return objectAccess({ results });
}

/** What the functions say at level error, as it is written. */
function watchLog(opened: AsyncDisposableStack): readonly LogLine[] {
  const lines: LogLine[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    try {
      lines.push(JSON.parse(String(text)));
    } catch {
      process.stdout.write(String(text));
    }
    return true;
  });
  opened.defer(() => write.mockRestore());
  return lines;
}

/** Requests about objects below a folder of a bucket. */
export const about =
  (bucket: string, folder = '') =>
  (asked: ProxiedRequest): boolean =>
    asked.path.startsWith(`/${bucket}/${folder}`);
/** Requests of one operation of a JSON protocol. */
export const asking =
  (...operations: readonly string[]) =>
  (asked: ProxiedRequest): boolean =>
    operations.includes(operationOf(asked));

/** The bucket with all that is in it. */
export async function removeBucket(bucket: string): Promise<void> {
  using clients = testClients();
  const { Contents: objects = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  for (const { Key } of objects) await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  await clients.s3.send(new DeleteBucketCommand({ Bucket: bucket }));
}

const guide = readFileSync('docs/aws/operations.md', 'utf8');

/** The row of the operations guide that begins so. */
export function rowOfGuide(title: string): string | undefined {
  return guide.split('\n').find((line) => line.startsWith(`| ${title} |`));
}
