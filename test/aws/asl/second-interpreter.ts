import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { Json, ObjectAccess } from '../../../lib/asl/index.ts';
import { openProxy, type ProxiedAnswer, type ProxiedRequest } from '../proxy.ts';
import { startServer } from '../servers.ts';
import { paths } from '../setup.ts';
import { credentials, region } from '../stand-ins.ts';
import { uniqueName } from '../world.ts';

export interface SecondExecution {
  readonly definition: unknown;
  readonly name: string;
  readonly input: Json;
  /** Its name and payload; a thrown error is the function's. */
  readonly invoke: (name: string, payload: Json) => Promise<unknown>;
  readonly objects: ObjectAccess;
  /** Hears of every wait, of a state or between retries, instead of it. */
  readonly onWait?: (seconds: number) => void;
}

export interface SecondOutcome {
  readonly status: string;
  readonly output: Json | undefined;
  readonly error: string | undefined;
  readonly cause: string | undefined;
}

export interface SecondInterpreter extends AsyncDisposable {
  /** One at a time. */
  run(execution: SecondExecution): Promise<SecondOutcome>;
}

/**
 * moto's interpreter of the states language: another codebase than ours, given the same definition and the same handlers.
 * What its tasks and readers ask of Lambda and S3 is answered here.
 */
export async function openSecondInterpreter(): Promise<SecondInterpreter> {
  await using opened = new AsyncDisposableStack();
  let current: SecondExecution | undefined;
  const services = await openProxy('http://127.0.0.1', async (asked) =>
    current === undefined ? refusal(503, 'ServiceUnavailable') : answer(asked, current),
  );
  opened.use(services);
  const moto = await startServer({
    name: 'the second interpreter',
    command: paths.python,
    args: (port) => [join(import.meta.dirname, 'second-interpreter.py'), '-p', String(port)],
    // Where its clients of other services call.
    env: { MOTO_PORT: new URL(services.url).port },
  });
  opened.use(moto);
  const settings = JSON.stringify({ stepfunctions: { execute_state_machine: true } });
  await fetch(`${moto.url}/moto-api/config`, { method: 'POST', body: settings });
  const sfn = new SFNClient({ region, credentials, endpoint: moto.url });
  opened.defer(() => sfn.destroy());
  const running = opened.move();
  return {
    run: async (execution) => {
      current = execution;
      const { stateMachineArn } = await sfn.send(
        new CreateStateMachineCommand({
          name: uniqueName('machine'),
          roleArn: 'arn:aws:iam::123456789012:role/states',
          definition: JSON.stringify(execution.definition),
        }),
      );
      const { executionArn } = await sfn.send(
        new StartExecutionCommand({
          stateMachineArn,
          name: execution.name,
          input: JSON.stringify(execution.input),
        }),
      );
      for (;;) {
        const described = await sfn.send(new DescribeExecutionCommand({ executionArn }));
        const { status = '', output, error, cause } = described;
        if (status !== 'RUNNING') return { status, output: outputOf(output), error, cause };
        await sleep(20);
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Its text outputs come without their quotes. */
function outputOf(output: string | undefined): Json | undefined {
  if (output === undefined) return undefined;
  try {
    return JSON.parse(output);
  } catch {
    return output;
  }
}

async function answer(asked: ProxiedRequest, { invoke, objects, onWait }: SecondExecution) {
  const path = decodeURIComponent(new URL(asked.path, 'http://x').pathname);
  if (path === '/waited') {
    onWait?.(Number(asked.body.toString()));
    return { status: 200, headers: {}, body: Buffer.alloc(0) };
  }
  const invoked = /^\/2015-03-31\/functions\/(.+)\/invocations$/.exec(path)?.[1];
  if (invoked !== undefined) return invocation(() => invoke(invoked, JSON.parse(asked.body.toString())));
  const [, bucket, key] = /^\/([^/]+)\/(.+)$/.exec(path) ?? [];
  if (asked.method !== 'GET' || bucket === undefined || key === undefined)
    return refusal(501, 'NotImplemented');
  try {
    const body = await buffer(Readable.from(objects.getObject(bucket, key)));
    return { status: 200, headers: {}, body };
  } catch {
    return refusal(404, 'NoSuchKey');
  }
}

/** As Lambda answers: the call is a success, and a header says that the payload is an error. */
async function invocation(invoke: () => Promise<unknown>): Promise<ProxiedAnswer> {
  const json = (headers: ProxiedAnswer['headers'], value: unknown) => ({
    status: 200,
    headers: { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST', ...headers },
    body: Buffer.from(JSON.stringify(value ?? null)),
  });
  try {
    return json({}, await invoke());
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const payload = { errorType: error.name, errorMessage: error.message };
    return json({ 'x-amz-function-error': 'Unhandled' }, payload);
  }
}

function refusal(status: number, code: string): ProxiedAnswer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`),
  };
}
