import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { type AwsCredentials, clientSettings } from './aws-clients.ts';

export interface ControlClientOptions {
  /** Default: that of the environment or of the profile. */
  readonly region?: string;
  /** Default: that of the environment. */
  readonly profile?: string;
  readonly endpoints?: { readonly sfn?: string; readonly sqs?: string; readonly ssm?: string };
}

export interface ControlClients extends Disposable {
  readonly sfn: SFNClient;
  readonly sqs: SQSClient;
  readonly ssm: SSMClient;
  /** @throws Error when neither the options nor the environment nor the profile name one */
  region(): Promise<string>;
  /** What these clients sign with, for the other clients: a person signs in once. */
  readonly credentials: AwsCredentials;
}

/** The clients of whoever starts, watches and stops runs. */
export function openControlClients(options: ControlClientOptions): ControlClients {
  const { region, profile, endpoints = {} } = options;
  const shared = {
    // A person waits for the answer.
    ...clientSettings({ maxAttempts: 3 }),
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
  };
  const at = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint });
  const ssm = new SSMClient({ ...shared, ...at(endpoints.ssm) });
  const credentials = ssm.config.credentials;
  const sfn = new SFNClient({ ...shared, credentials, ...at(endpoints.sfn) });
  const sqs = new SQSClient({ ...shared, credentials, ...at(endpoints.sqs) });
  return {
    sfn,
    sqs,
    ssm,
    region: () => ssm.config.region(),
    credentials,
    [Symbol.dispose]: () => {
      for (const client of [sfn, sqs, ssm]) client.destroy();
    },
  };
}
