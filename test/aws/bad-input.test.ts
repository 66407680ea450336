import './loud-logs.ts';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteBucketCommand, DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { call, recorded } from '../functions/site.ts';
import { about, asking, openSite, type Site } from './broken-site.ts';
import { testClients, uniqueName } from './world.ts';

/** What people and permissions get wrong on AWS: docs/aws/operations.md has the same cases with what to do. */

interface BrokenRun {
  /** After the files were taken in, before the execution. */
  readonly mischief: (site: Site) => Promise<void> | void;
  readonly input?: { readonly pipeline: string };
  readonly error: string;
  /** What the message says: what was wrong, and where. */
  readonly says: RegExp;
  /** The run's record; undefined: there is none. */
  readonly run: 'failed' | 'cancelled' | undefined;
  /** The files are the run's until it is resumed or cancelled, or wait for the next one. */
  readonly items: 'claimed' | 'pending';
}

const remove = async (bucket: string) => {
  using clients = testClients();
  const { Contents: objects = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  for (const { Key } of objects) await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  await clients.s3.send(new DeleteBucketCommand({ Bucket: bucket }));
};

const runs: Readonly<Record<string, BrokenRun>> = {
  'the staging bucket is gone': {
    mischief: ({ names }) => remove(names.STAGING),
    error: 'StoreMissingError',
    says: /bucket staging-\w+ does not exist/,
    run: 'failed',
    items: 'claimed',
  },
  'the results bucket is another one than there is': {
    mischief: ({ redeploy }) => redeploy({ PARTWISE_RESULTS: `s3://${uniqueName('nothing')}` }),
    error: 'StoreMissingError',
    says: /bucket nothing-\w+ does not exist/,
    run: 'cancelled',
    items: 'pending',
  },
  'the warehouse bucket is another one than there is': {
    mischief: ({ redeploy }) => redeploy({ PARTWISE_WAREHOUSE: `s3://${uniqueName('nothing')}` }),
    error: 'StoreMissingError',
    says: /bucket nothing-\w+ does not exist/,
    run: 'failed',
    items: 'claimed',
  },
  'the state table is another one than there is': {
    mischief: ({ redeploy }) => redeploy({ PARTWISE_STATE_TABLE: uniqueName('nothing') }),
    error: 'StoreMissingError',
    says: /table nothing-\w+ does not exist/,
    run: undefined,
    items: 'pending',
  },
  'the source files may not be read': {
    mischief: ({ deny, names }) => deny('s3', about(names.STAGING, 'accounts/')),
    error: 'AccessDeniedError',
    says: /s3:GetObject.* on s3:\/\/staging-\w+\/accounts\/\w+\.csv is not allowed/,
    run: 'failed',
    items: 'claimed',
  },
  'the results may not be written': {
    mischief: ({ deny, names }) =>
      deny('s3', (asked) => asked.method === 'PUT' && about(names.RESULTS)(asked)),
    error: 'AccessDeniedError',
    says: /s3:PutObject on s3:\/\/results-\w+\/runs\//,
    run: 'cancelled',
    items: 'pending',
  },
  'data files may not be written': {
    mischief: ({ deny, names }) =>
      deny('s3', (asked) => asked.method === 'PUT' && about(names.WAREHOUSE)(asked)),
    error: 'AccessDeniedError',
    says: /s3:PutObject on s3:\/\/warehouse-\w+\//,
    run: 'failed',
    items: 'claimed',
  },
  'the state table may not be used': {
    mischief: ({ deny }) => deny('dynamodb', () => true),
    error: 'AccessDeniedError',
    says: /dynamodb:\w+ on state-\w+ is not allowed/,
    run: undefined,
    items: 'pending',
  },
  'tables may not be made in the catalog': {
    mischief: ({ deny }) => deny('glue', asking('CreateTable', 'UpdateTable')),
    error: 'AccessDeniedError',
    says: /glue:\w+ on partwise\.accounts_\w+ is not allowed/,
    run: 'failed',
    items: 'claimed',
  },
  'the pipeline is not configured here': {
    mischief: () => undefined,
    input: { pipeline: 'others' },
    error: 'MalformedEventError',
    says: /pipeline others is not configured here.*accounts/,
    run: undefined,
    items: 'pending',
  },
};

describe('a run fails by the name of what is wrong, says so in its log and its record, and keeps its files', () => {
  it.each(Object.entries(runs))('%s', async (_, { mischief, input, error, says, run, items }) => {
    await using site = await openSite();
    await site.put('accounts/one.csv', ['1,2025-10', '2,2025-10']);
    await site.put('accounts/two.csv', ['3,2025-10']);
    await site.schedule();
    await mischief(site);
    const ended = await site.execute(input === undefined ? undefined : { ...input });
    expect([ended.status, ended.error]).toEqual(['FAILED', error]);
    expect(ended.cause).toMatch(says);
    const line = site.log.find((one) => one.error?.name === error);
    expect(line).toMatchObject({ level: 'ERROR', message: expect.stringMatching(says) });
    expect(line?.next, 'what to do').toMatch(/\w/);
    site.mend();
    const record = await site.run();
    if (run === undefined) expect(record).toBeUndefined();
    else {
      expect(record).toMatchObject({
        status: run,
        error: { name: error, message: expect.stringMatching(says) },
      });
      expect(record?.error?.next).toMatch(/^partwise /);
    }
    expect((await site.items()).map(({ status }) => status)).toEqual([items, items]);
  });
});

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
      await remove(names.STAGING);
      return recorded('schedule');
    },
    error: 'StoreMissingError',
    says: /bucket staging-\w+ does not exist/,
  },
};

describe('a message that cannot be taken in comes again alone, and its log line says why', () => {
  it.each(Object.entries(messages))('%s', async (_, { event, error, says }) => {
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
  const text = await readFile('pipelines/accounts.yaml', 'utf8');
  const changed = join(tmpdir(), `${uniqueName('accounts')}.yaml`);
  await writeFile(changed, text.replace('historyLength: 36', 'historyLength: 12'));
  try {
    site.redeploy({ PARTWISE_PIPELINE_FILE: changed });
    await site.put('accounts/two.csv', ['2,2025-10']);
    await site.schedule();
    const ended = await site.execute();
    expect([ended.status, ended.error]).toEqual(['FAILED', 'ConfigError']);
    const says = /historyLength: partwise\.accounts_summary was made with 36, the pipeline says 12/;
    expect(ended.cause).toMatch(says);
    const line = site.log.find((one) => one.error?.name === 'ConfigError');
    expect(line).toMatchObject({ message: expect.stringMatching(says), next: expect.stringMatching(/\w/) });
    expect(await site.run()).toMatchObject({
      status: 'cancelled',
      error: { name: 'ConfigError', message: expect.stringMatching(says) },
    });
    expect((await site.items()).map(({ status }) => status).sort()).toEqual(['done', 'pending']);
  } finally {
    process.env['PARTWISE_PIPELINE_FILE'] = 'pipelines/accounts.yaml';
  }
});
