import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  ExecutionLimitExceeded,
  ExecutionNotRedrivable,
  ListExecutionsCommand,
  RedriveExecutionCommand,
  type SFNClient,
  StartExecutionCommand,
  StateMachineDoesNotExist,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { NotDeployedError } from '../errors.ts';
import { awsFailure } from './aws-errors.ts';
import type { ExecutionStart } from './trigger-ports.ts';

/** One execution as the service tells of it; what it tells may lag a few seconds behind. */
export interface ExecutionState {
  readonly arn: string;
  readonly name: string;
  readonly status: string;
  readonly error: string | undefined;
  readonly cause: string | undefined;
  readonly output: string | undefined;
  readonly redriveCount: number;
  readonly isRedrivable: boolean;
}

/** The executions of one state machine, for people. */
export interface ExecutionControl {
  /** The new execution's ARN; undefined when one of this name has ended within 90 days. */
  start(start: ExecutionStart): Promise<string | undefined>;
  /** undefined: the service knows it not yet, or no longer. */
  describe(arn: string): Promise<ExecutionState | undefined>;
  /** Some of those that are running. */
  running(): Promise<readonly Pick<ExecutionState, 'arn' | 'name'>[]>;
  stop(arn: string, because: { readonly error: string; readonly cause: string }): Promise<void>;
  /** Whether the execution goes on where it failed; false when it cannot. */
  redrive(arn: string): Promise<boolean>;
}

/** @throws NotSignedInError, AccessDeniedError, NotDeployedError, StoreUnavailableError from every method */
export function sfnControl({
  client,
  stateMachineArn,
}: {
  readonly client: SFNClient;
  readonly stateMachineArn: string;
}): ExecutionControl {
  const ask = async <T>(action: string, resource: string, request: () => Promise<T>): Promise<T> => {
    try {
      return await request();
    } catch (error) {
      if (error instanceof StateMachineDoesNotExist)
        throw new NotDeployedError(`there is no state machine ${stateMachineArn}`, {
          cause: error,
          safe: 'nothing was started',
          next: 'npx cdk deploy --all',
        });
      throw awsFailure(error, `states:${action}`, resource);
    }
  };
  return {
    start: ({ name, input }) =>
      ask('StartExecution', stateMachineArn, async () => {
        try {
          const started = await client.send(
            new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }),
          );
          return started.executionArn;
        } catch (error) {
          if (error instanceof ExecutionAlreadyExists) return undefined;
          throw error;
        }
      }),
    describe: (arn) =>
      ask('DescribeExecution', arn, async () => {
        try {
          const found = await client.send(new DescribeExecutionCommand({ executionArn: arn }));
          return {
            arn,
            name: found.name ?? arn,
            status: found.status ?? 'RUNNING',
            error: found.error,
            cause: found.cause,
            output: found.output,
            redriveCount: found.redriveCount ?? 0,
            isRedrivable: found.redriveStatus === 'REDRIVABLE',
          };
        } catch (error) {
          if (error instanceof ExecutionDoesNotExist) return undefined;
          throw error;
        }
      }),
    running: () =>
      ask('ListExecutions', stateMachineArn, async () => {
        const page = await client.send(
          new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING', maxResults: 10 }),
        );
        return (page.executions ?? []).map((one) => ({
          arn: one.executionArn ?? '',
          name: one.name ?? '',
        }));
      }),
    stop: (arn, because) =>
      ask('StopExecution', arn, async () => {
        await client.send(new StopExecutionCommand({ executionArn: arn, ...because }));
      }),
    redrive: (arn) =>
      ask('RedriveExecution', arn, async () => {
        try {
          await client.send(new RedriveExecutionCommand({ executionArn: arn }));
          return true;
        } catch (error) {
          if (
            error instanceof ExecutionNotRedrivable ||
            error instanceof ExecutionLimitExceeded ||
            error instanceof ExecutionDoesNotExist
          )
            return false;
          throw error;
        }
      }),
  };
}
