import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Clock, StateStore } from '../ports.ts';
import { defaultRetrying, type Retrying } from '../retrying.ts';
import { dynamoCheckpoints } from './checkpoints.ts';
import { dynamoIntake } from './intake.ts';
import { dynamoLeases } from './leases.ts';
import { dynamoRuns } from './runs.ts';
import type { StateTable } from './table.ts';

export interface DynamoStateOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  /** Checkpoints and notes lapse after it. Default 45 days. */
  readonly resumeHorizonMs?: number;
  readonly newId?: () => string;
  readonly retrying?: Retrying;
}

/**
 * The state of runs in one DynamoDB table. Every decision is one conditional write; every read is strongly consistent.
 * The table's keys are in docs/aws/state-table.md.
 * @throws StoreUnavailableError, AccessDeniedError from every method
 */
export function openDynamoState(options: DynamoStateOptions): StateStore {
  const table: StateTable = {
    client: DynamoDBDocumentClient.from(options.client, {
      marshallOptions: { removeUndefinedValues: true },
    }),
    name: options.table,
    clock: options.clock,
    newId: options.newId ?? randomUUID,
    retrying: options.retrying ?? defaultRetrying,
    resumeHorizonMs: options.resumeHorizonMs ?? 45 * 86_400_000,
  };
  return {
    intake: dynamoIntake(table),
    runs: dynamoRuns(table),
    checkpoints: dynamoCheckpoints(table),
    leases: dynamoLeases(table),
    close: async () => undefined,
  };
}
