import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { awsFailure } from './aws-errors.ts';
import type { Wakes } from './trigger-ports.ts';

/** Delayed messages to the pipeline's own queue. A lost or doubled one changes nothing: the sweep comes anyway. */
export function sqsWakes({
  client,
  queueUrl,
}: {
  readonly client: SQSClient;
  readonly queueUrl: string;
}): Wakes {
  return {
    later: async (pipeline, delaySeconds) => {
      const message = new SendMessageCommand({
        QueueUrl: queueUrl,
        DelaySeconds: delaySeconds,
        MessageBody: JSON.stringify({ partwise: 'wake', pipeline }),
      });
      await client.send(message).catch((error: unknown) => {
        throw awsFailure(error, 'sqs:SendMessage', queueUrl);
      });
    },
  };
}
