import {
  ExecutionAlreadyExists,
  ListExecutionsCommand,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { awsFailure } from './aws-errors.ts';
import type { Executions } from './trigger-ports.ts';

export interface SfnExecutionsOptions {
  readonly client: SFNClient;
  readonly stateMachineArn: string;
}

/** Executions of one state machine. Lists may lag a few seconds behind; the trigger's guard covers that. */
export function sfnExecutions({ client, stateMachineArn }: SfnExecutionsOptions): Executions {
  return {
    isAnyRunning: async () => {
      const page = await client
        .send(new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING', maxResults: 1 }))
        .catch((error: unknown) => {
          throw awsFailure(error, 'states:ListExecutions', stateMachineArn);
        });
      return (page.executions?.length ?? 0) > 0;
    },
    // The same name with the same input is answered with the execution that runs: nothing starts twice.
    start: async ({ name, input }) => {
      try {
        await client.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));
        return 'started';
      } catch (error) {
        if (error instanceof ExecutionAlreadyExists) return 'exists';
        throw awsFailure(error, 'states:StartExecution', stateMachineArn);
      }
    },
  };
}
