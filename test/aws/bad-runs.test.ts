import './loud-logs.ts';
import { describe, expect, it } from 'vitest';
import { about, asking, openSite, removeBucket, rowOfGuide, type Site } from './broken-site.ts';
import { uniqueName } from './world.ts';

/** What permissions and settings get wrong on AWS: docs/aws/operations.md has the same cases with what to do. */

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
  /** Nothing brings the files back. */
  readonly forGood?: boolean;
}

const runs: Readonly<Record<string, BrokenRun>> = {
  'the staging bucket is gone': {
    mischief: ({ names }) => removeBucket(names.STAGING),
    error: 'StoreMissingError',
    says: /bucket staging-\w+ does not exist/,
    run: 'failed',
    items: 'claimed',
    forGood: true,
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
    says: /glue:\w+ on db_\w+\.accounts_\w+ is not allowed/,
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
  it.each(Object.entries(runs))(
    '%s',
    async (title, { mischief, input, error, says, run, items, forGood = false }) => {
      expect(rowOfGuide(title)).toContain(`| \`${error}\` |`);
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
      if (forGood) return;
      // Once it is put right, the same files are published by the run that has them, or by the next one.
      const again = items === 'claimed' ? { pipeline: 'accounts', runId: record?.runId ?? '' } : undefined;
      expect(await site.execute(again)).toMatchObject({ status: 'SUCCEEDED' });
      expect((await site.items()).map(({ status }) => status)).toEqual(['done', 'done']);
    },
  );
});
