import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { awsFailure } from './aws-errors.ts';

/** Puts a message of ours into a pipeline's queue. @throws NotSignedInError, AccessDeniedError, StoreUnavailableError */
export async function sendMessage(
  { client, queueUrl }: { readonly client: SQSClient; readonly queueUrl: string },
  message: Readonly<Record<string, unknown>>,
): Promise<void> {
  try {
    await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(message) }));
  } catch (error) {
    throw awsFailure(error, 'sqs:SendMessage', queueUrl);
  }
}
