import './loud-logs.ts';
import { readFile, writeFile } from 'node:fs/promises';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { call, recorded } from '../functions/site.ts';
import { about, asking, openSite, removeBucket, rowOfGuide, type Site } from './broken-site.ts';
import { testClients } from './world.ts';

/** What arrives wrong on AWS: docs/aws/operations.md has the same cases with what to do. */

interface BrokenMessage {
  readonly event: (site: Site) => Promise<unknown>;
  readonly error: string;
  readonly says: RegExp;
}

const body = (value: unknown) => ({ Records: [{ messageId: 'one', body: JSON.stringify(value) }] });

const messages: Readonly<Record<string, BrokenMessage>> = {
  'an event of another bucket': {
    event: () => recorded('s3-wrong-bucket'),
    error: 'WrongBucketError',
    says: /the event is about bucket .*; the staging bucket is staging-/,
  },
  'an event of another shape': {
    event: async () => body({ hello: 'world' }),
    error: 'MalformedEventError',
    says: /./,
  },
  'a message for another pipeline': {
    event: async () => body({ partwise: 'wake', pipeline: 'others' }),
    error: 'ConfigError',
    says: /the message is for pipeline others/,
  },
  'the staging bucket may not be listed': {
    event: async ({ deny, names }) => {
      deny('s3', about(names.STAGING));
      return recorded('schedule');
    },
    error: 'AccessDeniedError',
    says: /s3:ListBucket on s3:\/\/staging-\w+\/accounts\/ is not allowed/,
  },
  'the staging bucket is gone when it is to be listed': {
    event: async ({ names }) => {
      await removeBucket(names.STAGING);
      return recorded('schedule');
    },
    error: 'StoreMissingError',
    says: /bucket staging-\w+ does not exist/,
  },
};

describe('a message that cannot be taken in comes again alone, and its log line says why', () => {
  it.each(Object.entries(messages))('%s', async (title, { event, error, says }) => {
    expect(rowOfGuide(title)).toContain(`| \`${error}\` |`);
    await using site = await openSite();
    const sent = (await event(site)) as { readonly Records: readonly { readonly messageId: string }[] };
    const { batchItemFailures: failures } = (await call('trigger', sent)) as {
      readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
    };
    expect(failures.map((one) => one.itemIdentifier)).toEqual(sent.Records.map((one) => one.messageId));
    const line = site.log.find((one) => one.error?.name === error);
    expect(line).toMatchObject({ level: 'ERROR', error: { message: expect.stringMatching(says) } });
    expect(line?.next, 'what to do').toMatch(/\w/);
  });

  it('an execution that may not be started is tried again with the message, and the files wait', async () => {
    await using site = await openSite();
    await site.put('accounts/one.csv', ['1,2025-10']);
    site.deny('glue', asking('StartExecution'));
    await expect(site.schedule()).rejects.toMatchObject({ name: 'AccessDeniedError' });
    expect(site.log.find((one) => one.error?.name === 'AccessDeniedError')?.message).toMatch(
      /states:StartExecution on arn:.* is not allowed/,
    );
    expect((await site.items()).map(({ status }) => status)).toEqual(['pending']);
  });
});

describe('a source object that is not there as it was recorded is set aside by name, and the rest is published', () => {
  it.each([
    [
      'deleted',
      async (names: Site['names']) => {
        using clients = testClients();
        await clients.s3.send(new DeleteObjectCommand({ Bucket: names.STAGING, Key: 'accounts/two.csv' }));
      },
    ],
    ['overwritten', async (_: Site['names'], site: Site) => site.put('accounts/two.csv', ['9,2025-10'])],
  ] as const)('%s', async (_, change) => {
    await using site = await openSite();
    await site.put('accounts/one.csv', ['1,2025-10']);
    await site.put('accounts/two.csv', ['3,2025-10']);
    await site.schedule();
    await change(site.names, site);
    expect(await site.execute()).toMatchObject({ status: 'SUCCEEDED' });
    const items = await site.items();
    const [one, two] = ['one', 'two'].map((name) =>
      items.find((item) => item.location.endsWith(`${name}.csv`)),
    );
    expect(one).toMatchObject({ status: 'done' });
    expect(two).toMatchObject({
      status: 'superseded',
      reason: expect.stringMatching(
        /^SourceChangedError: s3:\/\/staging-\w+\/accounts\/two\.csv was overwritten or deleted/,
      ),
    });
    expect((await site.run())?.facts['input']).toMatchObject({
      files: 2,
      filesQuarantined: 1,
      rowsAccepted: 1,
    });
  });
});

it('a configuration that does not fit the tables fails by name, and gives the files back', async () => {
  await using site = await openSite();
  await site.put('accounts/one.csv', ['1,2025-10']);
  await site.schedule();
  expect(await site.execute()).toMatchObject({ status: 'SUCCEEDED' });
  const text = await readFile(site.pipelineFile, 'utf8');
  await writeFile(site.pipelineFile, text.replace('historyLength: 36', 'historyLength: 12'));
  site.redeploy({});
  await site.put('accounts/two.csv', ['2,2025-10']);
  await site.schedule();
  const ended = await site.execute();
  expect([ended.status, ended.error]).toEqual(['FAILED', 'ConfigError']);
  const says = /historyLength: db_\w+\.accounts_summary was made with 36, the pipeline says 12/;
  expect(ended.cause).toMatch(says);
  const line = site.log.find((one) => one.error?.name === 'ConfigError');
  expect(line).toMatchObject({ message: expect.stringMatching(says), next: expect.stringMatching(/\w/) });
  expect(await site.run()).toMatchObject({
    status: 'cancelled',
    error: { name: 'ConfigError', message: expect.stringMatching(says) },
  });
  expect((await site.items()).map(({ status }) => status).sort()).toEqual(['done', 'pending']);
});
