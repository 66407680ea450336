import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { inject } from 'vitest';
import { type AwsClients, openAwsClients } from '../../lib/stores/aws-clients.ts';
import { openDynamoState } from '../../lib/stores/dynamo/state.ts';
import type { Clock, StateStore } from '../../lib/stores/ports.ts';
import { openS3Store, type S3Store, type S3StoreOptions } from '../../lib/stores/s3/s3.ts';
import { credentials, region } from './stand-ins.ts';

type Endpoints = ReturnType<typeof inject<'endpoints'>>;

/** Clients of the stand-ins; single services may be reached through a proxy. */
export function testClients(
  endpoints: Partial<Endpoints> = {},
  options: { readonly maxAttempts?: number; readonly requestTimeoutMs?: number } = {},
): AwsClients {
  return openAwsClients({
    region,
    credentials,
    endpoints: { ...inject('endpoints'), ...endpoints },
    ...options,
  });
}

export const uniqueName = (name: string): string => `${name}-${randomBytes(4).toString('hex')}`;

export interface TestStore extends AsyncDisposable {
  readonly store: S3Store;
  readonly clients: AwsClients;
  readonly bucket: string;
  readonly folder: string;
  readonly pieceBytes: number;
  /** versitygw takes no notice of EncodingType, and XML cannot hold control characters. */
  readonly plainNames: true;
}

/** The smallest part that S3 takes. */
const smallestPart = 5 * 2 ** 20;

/** A store in a bucket of its own; requests go through `endpoint` if given. */
export async function openTestStore(
  options: {
    readonly endpoint?: string;
    readonly maxAttempts?: number;
    readonly store?: Partial<S3StoreOptions>;
  } = {},
): Promise<TestStore> {
  const { endpoint, maxAttempts } = options;
  const bucket = uniqueName('objects');
  const clients = testClients(
    endpoint === undefined ? {} : { s3: endpoint },
    maxAttempts === undefined ? {} : { maxAttempts },
  );
  {
    using direct = testClients();
    await direct.s3.send(new CreateBucketCommand({ Bucket: bucket }));
  }
  const folder = await mkdtemp(join(tmpdir(), 'partwise-s3-'));
  const store = await openS3Store({
    client: clients.s3,
    bucket,
    prefix: 'some/prefix',
    workFolder: join(folder, 'copies'),
    partBytes: smallestPart,
    ...options.store,
  });
  return {
    store,
    clients,
    bucket,
    folder,
    pieceBytes: smallestPart,
    plainNames: true,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      clients[Symbol.dispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface TestState extends AsyncDisposable {
  readonly state: StateStore;
  readonly clients: AwsClients;
  readonly table: string;
}

/** A state store in a table of its own; requests go through `endpoint` if given. */
export async function openTestState(options: {
  readonly clock: Clock;
  readonly endpoint?: string;
  readonly maxAttempts?: number;
}): Promise<TestState> {
  const { endpoint, maxAttempts } = options;
  const table = uniqueName('state');
  const clients = testClients(
    endpoint === undefined ? {} : { dynamodb: endpoint },
    maxAttempts === undefined ? {} : { maxAttempts },
  );
  {
    using direct = testClients();
    await createStateTable(direct.dynamodb, table);
  }
  return {
    state: openDynamoState({ client: clients.dynamodb, table, clock: options.clock }),
    clients,
    table,
    [Symbol.asyncDispose]: async () => clients[Symbol.dispose](),
  };
}

/** As the stack makes it: docs/aws/state-table.md. */
export async function createStateTable(client: AwsClients['dynamodb'], table: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
    }),
  );
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: table,
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    }),
  );
}
