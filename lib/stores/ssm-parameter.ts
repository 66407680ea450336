import { GetParameterCommand, ParameterNotFound, type SSMClient } from '@aws-sdk/client-ssm';
import { awsFailure } from './aws-errors.ts';

/** The text of a parameter; undefined when there is none. @throws NotSignedInError, AccessDeniedError, StoreUnavailableError */
export async function readParameter(client: SSMClient, name: string): Promise<string | undefined> {
  try {
    return (await client.send(new GetParameterCommand({ Name: name }))).Parameter?.Value;
  } catch (error) {
    if (error instanceof ParameterNotFound) return undefined;
    throw awsFailure(error, 'ssm:GetParameter', name);
  }
}
