import { once } from 'node:events';
import { createServer } from 'node:http';
import { json as readJson } from 'node:stream/consumers';
import {
  type ExecutionResult,
  type Json,
  LAMBDA_INVOKE,
  type LambdaFunction,
  lambdaInvoke,
  loadStateMachine,
  type ObjectAccess,
  type RedriveState,
  startExecution,
  type TaskHandler,
} from '../../lib/asl/index.ts';
import { GLUE_RUN } from '../../lib/run/local/local-spark.ts';
import { noSpark } from '../support/no-spark.ts';

/**
 * Step Functions as clients see it (JSON 1.0): executions of one state machine, run by the product's own interpreter
 * with the functions given. What a client may ask for and how it is refused is as the service documents it:
 * https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
 */
export interface StepFunctions extends AsyncDisposable {
  readonly url: string;
  readonly stateMachineArn: string;
  /** Names in the order of their starts; a redrive adds its execution's name once more. */
  readonly started: readonly string[];
  /** As somebody would in the console. */
  stop(name: string): Promise<void>;
  /** As after 14 days. */
  tooLateToRedrive: boolean;
}

interface Started {
  readonly name: string;
  readonly input: string;
  readonly control: AbortController;
  readonly ended: Promise<ExecutionResult>;
  status: string;
  result: ExecutionResult | undefined;
  stopped: { readonly error?: string; readonly cause?: string } | undefined;
  redrives: number;
}

interface Options {
  readonly name: string;
  readonly definition: unknown;
  readonly functions: Readonly<Record<string, LambdaFunction>>;
  readonly objects: () => Promise<ObjectAccess>;
  /** Job runs of Spark; none are expected without. */
  readonly spark?: TaskHandler;
}

type Asked = Readonly<Record<string, string>>;

export async function openStepFunctions(options: Options): Promise<StepFunctions> {
  const { name: machineName, functions } = options;
  const machine = loadStateMachine(options.definition, {
    name: machineName,
    substitutions: Object.fromEntries(
      [...Object.keys(functions), 'results', 'spark'].map((one) => [one, one]),
    ),
  });
  const prefix = 'arn:aws:states:local:000000000000';
  const stateMachineArn = `${prefix}:stateMachine:${machineName}`;
  const arnOf = (name: string) => `${prefix}:execution:${machineName}:${name}`;
  const executions = new Map<string, Started>();
  const started: string[] = [];

  async function execute(
    name: string,
    input: string,
    control: AbortController,
    redriveFrom?: RedriveState,
  ): Promise<ExecutionResult> {
    return startExecution({
      machine,
      name,
      input: JSON.parse(input) as Json,
      tasks: {
        ...(options.spark === undefined ? noSpark : { [GLUE_RUN]: options.spark }),
        [LAMBDA_INVOKE]: lambdaInvoke(functions),
      },
      objects: await options.objects(),
      signal: control.signal,
      graceMs: 100,
      ...(redriveFrom === undefined ? {} : { redriveFrom }),
    });
  }

  function start(name: string, input: string, before?: Started): void {
    const control = new AbortController();
    started.push(name);
    const execution: Started = {
      name,
      input,
      control,
      ended: execute(name, input, control, before?.result?.redrive),
      status: 'RUNNING',
      result: undefined,
      stopped: undefined,
      redrives: before === undefined ? 0 : before.redrives + 1,
    };
    executions.set(arnOf(name), execution);
    execution.ended.then((result) => {
      execution.result = result;
      if (execution.stopped === undefined) execution.status = result.status;
    });
  }

  const known = (asked: Asked): Started => {
    const found = executions.get(asked['executionArn'] ?? '');
    if (found === undefined) throw new Refused('ExecutionDoesNotExist');
    return found;
  };
  const isRedrivable = ({ status }: Started) =>
    !front.tooLateToRedrive && ['FAILED', 'ABORTED', 'TIMED_OUT'].includes(status);

  const actions: Readonly<Record<string, (asked: Asked) => Promise<unknown>>> = {
    StartExecution: async ({ stateMachineArn: asked, name = '', input = '{}' }) => {
      if (asked !== stateMachineArn) throw new Refused('StateMachineDoesNotExist');
      if (!/^[\w.:-]{1,80}$/.test(name)) throw new Refused('InvalidName');
      const before = executions.get(arnOf(name));
      if (before !== undefined && (before.status !== 'RUNNING' || before.input !== input))
        throw new Refused('ExecutionAlreadyExists');
      if (before === undefined) start(name, input);
      return { executionArn: arnOf(name), startDate: Date.now() / 1_000 };
    },
    DescribeExecution: async (asked) => {
      const { name, input, status, result, stopped, redrives, ...rest } = known(asked);
      return {
        executionArn: arnOf(name),
        stateMachineArn,
        name,
        input,
        status,
        startDate: 0,
        redriveCount: redrives,
        redriveStatus: isRedrivable({ ...rest, name, input, status, result, stopped, redrives })
          ? 'REDRIVABLE'
          : 'NOT_REDRIVABLE',
        ...(status === 'SUCCEEDED' ? { output: JSON.stringify(result?.output) } : {}),
        ...(status === 'FAILED' ? { error: result?.error, cause: result?.cause } : {}),
        ...stopped,
      };
    },
    ListExecutions: async ({ stateMachineArn: asked, statusFilter }) => {
      if (asked !== stateMachineArn) throw new Refused('StateMachineDoesNotExist');
      return {
        executions: [...executions.values()]
          .filter(({ status }) => statusFilter === undefined || status === statusFilter)
          .map(({ name, status }) => ({
            executionArn: arnOf(name),
            stateMachineArn,
            name,
            status,
            startDate: 0,
          })),
      };
    },
    StopExecution: async ({ error, cause, ...asked }) => {
      const execution = known(asked);
      execution.stopped = {
        ...(error === undefined ? {} : { error }),
        ...(cause === undefined ? {} : { cause }),
      };
      execution.status = 'ABORTED';
      execution.control.abort();
      return { stopDate: Date.now() / 1_000 };
    },
    RedriveExecution: async (asked) => {
      const execution = known(asked);
      if (!isRedrivable(execution)) throw new Refused('ExecutionNotRedrivable');
      await execution.ended;
      start(execution.name, execution.input, execution);
      return { redriveDate: Date.now() / 1_000 };
    },
  };

  const server = createServer(async (request, response) => {
    const target = String(request.headers['x-amz-target']).replace('AWSStepFunctions.', '');
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    try {
      const action = actions[target];
      if (action === undefined) throw new Refused('UnknownOperationException');
      response.end(JSON.stringify(await action((await readJson(request)) as Asked)));
    } catch (error) {
      const type = error instanceof Refused ? error.message : 'InternalFailure';
      response.writeHead(error instanceof Refused ? 400 : 500);
      response.end(JSON.stringify({ __type: type, message: String(error) }));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  const front: StepFunctions = {
    url: `http://127.0.0.1:${address.port}`,
    stateMachineArn,
    started,
    tooLateToRedrive: false,
    stop: async (name) => {
      await actions['StopExecution']?.({ executionArn: arnOf(name) });
    },
    [Symbol.asyncDispose]: async () => {
      for (const { control } of executions.values()) control.abort();
      await Promise.allSettled([...executions.values()].map(({ ended }) => ended));
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return front;
}

/** An answer with an error of the service; its message is the error's name. */
class Refused extends Error {}
