import { z } from 'zod';
import { MalformedEventError } from '../errors.ts';
import { sequencerOfTime } from '../stores/sequencer.ts';

/** What a message of the queue says, whatever service wrote it. Keys are decoded once, here. */
export type Trigger =
  | ({ readonly kind: 'object' } & ArrivedObject)
  | { readonly kind: 'staged'; readonly table: string }
  | { readonly kind: 'schedule'; readonly pipeline: string; readonly logicalTime: string }
  | { readonly kind: 'wake'; readonly pipeline: string }
  | { readonly kind: 'cancel'; readonly pipeline: string; readonly runId: string }
  | { readonly kind: 'ended'; readonly execution: string; readonly status: string }
  | { readonly kind: 'ignored'; readonly reason: string };

export interface ArrivedObject {
  readonly bucket: string;
  readonly key: string;
  /** Without quotes. Identifies the version: events, listings and inventories all have it. */
  readonly etag: string;
  readonly sizeBytes: number;
  /** S3's own; of an inventory, made from the time. */
  readonly sequencer: string;
}

const bucketEvent = z.object({
  source: z.literal('aws.s3'),
  'detail-type': z.string(),
  time: z.iso.datetime({ offset: true }),
  detail: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({
      key: z.string().min(1),
      size: z.number().int().min(0).optional(),
      etag: z.string().min(1).optional(),
      sequencer: z
        .string()
        .regex(/^[0-9A-Fa-f]+$/)
        .optional(),
    }),
  }),
});
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
const notification = z.object({
  Records: z
    .array(
      z.object({
        eventSource: z.literal('aws:s3'),
        eventName: z.string(),
        eventTime: z.iso.datetime({ offset: true }),
        s3: z.object({
          bucket: z.object({ name: z.string().min(1) }),
          object: z.object({
            key: z.string().min(1),
            size: z.number().int().min(0).optional(),
            eTag: z.string().min(1).optional(),
            sequencer: z
              .string()
              .regex(/^[0-9A-Fa-f]+$/)
              .optional(),
          }),
        }),
      }),
    )
    .min(1),
});
const testEvent = z.object({ Service: z.literal('Amazon S3'), Event: z.literal('s3:TestEvent') });
const stateEvent = z.object({
  source: z.literal('aws.states'),
  'detail-type': z.literal('Step Functions Execution Status Change'),
  detail: z.object({ name: z.string(), status: z.string() }),
});
const tableEvent = z.object({
  source: z.literal('aws.glue'),
  'detail-type': z.literal('Glue Data Catalog Table State Change'),
  detail: z.object({ databaseName: z.string(), tableName: z.string(), typeOfChange: z.string() }),
});
const stagedEvent = z.object({
  source: z.literal('partwise.staged'),
  detail: z.object({ pipeline: z.string(), table: z.string() }),
});
const schedule = z.object({
  partwise: z.literal('schedule'),
  pipeline: z.string(),
  logicalTime: z.iso.datetime({ offset: true }),
});
const cancel = z.object({ partwise: z.literal('cancel'), pipeline: z.string(), runId: z.string().min(1) });
const wake = z.object({ partwise: z.literal('wake'), pipeline: z.string() });

const envelope = z.union([
  bucketEvent.transform(fromBucketEvent),
  notification.transform((event) => event.Records.map(fromRecord)),
  testEvent.transform((): readonly Trigger[] => [ignored('the test event of a new notification')]),
  stateEvent.transform(({ detail }): readonly Trigger[] => [
    { kind: 'ended', execution: detail.name, status: detail.status },
  ]),
  tableEvent.transform(({ detail }): readonly Trigger[] => [
    detail.typeOfChange === 'UpdateTable'
      ? { kind: 'staged', table: `${detail.databaseName}.${detail.tableName}` }
      : ignored(`a table event of kind ${detail.typeOfChange}`),
  ]),
  stagedEvent.transform(({ detail }): readonly Trigger[] => [{ kind: 'staged', table: detail.table }]),
  schedule.transform((message): readonly Trigger[] => [
    { kind: 'schedule', pipeline: message.pipeline, logicalTime: message.logicalTime },
  ]),
  cancel.transform(({ pipeline, runId }): readonly Trigger[] => [{ kind: 'cancel', pipeline, runId }]),
  wake.transform((message): readonly Trigger[] => [{ kind: 'wake', pipeline: message.pipeline }]),
]);

/** @throws MalformedEventError when the message has none of the shapes that we know */
export function readMessage(body: string): readonly Trigger[] {
  let raw: unknown;
  try {
    raw = JSON.parse(body);
  } catch (cause) {
    throw malformed('is not JSON', body, cause);
  }
  const parsed = envelope.safeParse(raw);
  if (!parsed.success) throw malformed('has none of the known shapes', body);
  return parsed.data;
}

function fromBucketEvent(event: z.output<typeof bucketEvent>): readonly Trigger[] {
  const { object, bucket } = event.detail;
  if (event['detail-type'] !== 'Object Created')
    return [ignored(`${event['detail-type']}: what was taken in stays`)];
  // EventBridge has keys as they are.
  return [arrived(bucket.name, object.key, { ...object, time: event.time })];
}

function fromRecord({ eventName, eventTime, s3 }: z.output<typeof notification>['Records'][number]): Trigger {
  if (!/^(s3:)?ObjectCreated:/.test(eventName)) return ignored(`${eventName}: what was taken in stays`);
  const { key, eTag, ...rest } = s3.object;
  let decoded: string;
  try {
    decoded = decodeURIComponent(key.replaceAll('+', ' '));
  } catch (cause) {
    throw malformed('has a key that is not URL-encoded', key, cause);
  }
  return arrived(s3.bucket.name, decoded, { ...rest, etag: eTag, time: eventTime });
}

interface Described {
  readonly etag?: string | undefined;
  readonly size?: number | undefined;
  readonly sequencer?: string | undefined;
  readonly time: string;
}

function arrived(bucket: string, key: string, { etag, size, sequencer, time }: Described): Trigger {
  if (etag === undefined || size === undefined)
    throw malformed('is about a new object but has no ETag or size', key);
  return {
    kind: 'object',
    bucket,
    key,
    etag: etag.replaceAll('"', ''),
    sizeBytes: size,
    sequencer: sequencer ?? sequencerOfTime(Date.parse(time)),
  };
}

function ignored(reason: string): Trigger {
  return { kind: 'ignored', reason };
}

function malformed(what: string, text: string, cause?: unknown): MalformedEventError {
  return new MalformedEventError(`the message ${what}: ${text.slice(0, 200)}`, {
    cause,
    safe: 'the message stays in the queue and then in its dead-letter queue',
    next: 'compare it with events/; redrive the dead-letter queue after mending what sends it',
  });
}
