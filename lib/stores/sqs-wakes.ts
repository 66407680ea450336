import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
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
      await client.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          DelaySeconds: delaySeconds,
          MessageBody: JSON.stringify({ partwise: 'wake', pipeline }),
        }),
      );
    },
  };
}
