import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GlueClient } from '@aws-sdk/client-glue';
import { S3Client } from '@aws-sdk/client-s3';

interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Keys, or where they come from each time that they have lapsed. */
export type AwsCredentials = AwsKeys | (() => Promise<AwsKeys>);

export interface AwsClientOptions {
  readonly region: string;
  /** Other addresses than the region's own: VPC endpoints, or stand-ins in tests. */
  readonly endpoints?: { readonly s3?: string; readonly dynamodb?: string; readonly glue?: string };
  /** Default: the SDK's own search (role of the function, environment, profile). */
  readonly credentials?: AwsCredentials;
  /** Requests per call at most, with the SDK's exponential backoff and jitter in between. Default 6. */
  readonly maxAttempts?: number;
  /** A request without an answer is given up after so long. Default 30 s. */
  readonly requestTimeoutMs?: number;
}

export interface AwsClients extends Disposable {
  readonly s3: S3Client;
  readonly dynamodb: DynamoDBClient;
  readonly glue: GlueClient;
}

/** The clients that the adapters share. A connection that hangs ends in an error, never in a wait without end. */
export function openAwsClients(options: AwsClientOptions): AwsClients {
  const { endpoints = {} } = options;
  const shared = { region: options.region, ...clientSettings(options) };
  const at = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint });
  const s3 = new S3Client({ ...shared, ...at(endpoints.s3), forcePathStyle: endpoints.s3 !== undefined });
  const dynamodb = new DynamoDBClient({ ...shared, ...at(endpoints.dynamodb) });
  const glue = new GlueClient({ ...shared, ...at(endpoints.glue) });
  return {
    s3,
    dynamodb,
    glue,
    [Symbol.dispose]: () => {
      for (const client of [s3, dynamodb, glue]) client.destroy();
    },
  };
}

/** What the clients of every service have in common. */
export function clientSettings(
  options: Pick<AwsClientOptions, 'credentials' | 'maxAttempts' | 'requestTimeoutMs'>,
) {
  const { credentials } = options;
  const requestTimeout = options.requestTimeoutMs ?? 30_000;
  return {
    maxAttempts: options.maxAttempts ?? 6,
    retryMode: 'standard',
    ...(credentials === undefined ? {} : { credentials }),
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout,
      throwOnRequestTimeout: true,
      socketTimeout: requestTimeout,
      httpAgent: { maxSockets: 64, keepAlive: true },
      httpsAgent: { maxSockets: 64, keepAlive: true },
    },
  } as const;
}
