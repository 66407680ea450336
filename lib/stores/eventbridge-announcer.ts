import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PartwiseError } from '../errors.ts';
import type { Announcer } from './trigger-ports.ts';

/** Events `partwise` / `Run Ended` on the account's default bus. */
export function eventBridgeAnnouncer({ client }: { readonly client: EventBridgeClient }): Announcer {
  return {
    runEnded: async (detail) => {
      const { FailedEntryCount: failed = 0, Entries: entries } = await client.send(
        new PutEventsCommand({
          Entries: [{ Source: 'partwise', DetailType: 'Run Ended', Detail: JSON.stringify(detail) }],
        }),
      );
      if (failed > 0)
        throw new PartwiseError(
          `EventBridge refused the event: ${entries?.[0]?.ErrorMessage ?? 'no reason'}`,
        );
    },
  };
}
