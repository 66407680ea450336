import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedEventError } from '../../lib/errors.ts';
import { readMessage } from '../../lib/triggers/messages.ts';
import { messagesOf } from './site.ts';

const read = (file: string) => messagesOf(file).flatMap(({ body }) => readMessage(body));

describe('a message of the queue', () => {
  it('about a new object gives its bucket, key, ETag, size and sequencer', () => {
    expect(read('s3-object-created')[0]).toEqual({
      kind: 'object',
      bucket: 'partwise-staging',
      key: 'accounts/2025-10.parquet',
      etag: 'b1946ac92492d2347c6235b4d2611184',
      sizeBytes: 5_242_880,
      sequencer: '00692599F08C3A1B22',
    });
  });

  it('has its key decoded once: not at all from EventBridge, as a form from a notification', () => {
    const keys = [...read('s3-object-created'), ...read('s3-notification-url-encoded')].map((trigger) =>
      trigger.kind === 'object' ? trigger.key : '',
    );
    expect(keys).toEqual([
      'accounts/2025-10.parquet',
      'accounts/region=AT/corrections 2025+2024.csv',
      'accounts/2025-09.parquet',
      'accounts/corrections 2025+2024.csv',
      'accounts/Kärnten/€.csv',
      'accounts/100%25.csv',
    ]);
  });

  it('about a deletion, a test or another change of a table is ignored with a reason', () => {
    const ignored = [
      ...read('s3-object-deleted'),
      ...read('s3-test-event'),
      ...read('glue-table-state-change'),
    ];
    expect(ignored.map((trigger) => (trigger.kind === 'ignored' ? trigger.reason : trigger.kind))).toEqual([
      'Object Deleted: what was taken in stays',
      'ObjectRemoved:DeleteMarkerCreated: what was taken in stays',
      'the test event of a new notification',
      'staged',
      'a table event of kind BatchCreatePartition',
    ]);
  });

  it('of the schedule has the scheduled time, of an execution its status', () => {
    expect([read('schedule'), read('execution-succeeded'), read('execution-failed')].flat()).toEqual([
      { kind: 'schedule', pipeline: 'accounts', logicalTime: '2025-11-25T06:00:00Z' },
      { kind: 'ended', execution: 'accounts-w29401200', status: 'SUCCEEDED' },
      { kind: 'ended', execution: 'accounts-w29401200', status: 'FAILED' },
    ]);
  });

  it('of no known shape is refused by name', () => {
    const bodies = messagesOf('malformed').slice(0, -1);
    expect(bodies).toHaveLength(9);
    for (const { body } of bodies) expect(() => readMessage(body)).toThrow(MalformedEventError);
  });

  it('is never taken for something else, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        try {
          return readMessage(body).length >= 0;
        } catch (error) {
          return error instanceof MalformedEventError;
        }
      }),
    );
  });
});

it('every recorded event is used by a test', () => {
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(`test/${path}`, 'utf8'))
    .join('\n');
  const events = readdirSync('events').filter((name) => name.endsWith('.json'));
  expect(events.length).toBeGreaterThan(20);
  expect(events.filter((name) => !tests.includes(`'${name.replace('.json', '')}'`))).toEqual([]);
});
