import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../lib/stores/ports.ts';
import { handleMessages } from '../../lib/triggers/handle.ts';
import { sweep } from '../../lib/triggers/sweep.ts';
import { accounts, messagesOf, openSite, type Site } from './site.ts';

const minute = 60_000;
const handle = (site: Site, ...files: readonly string[]) =>
  handleMessages(
    site.options,
    files.flatMap((file) => messagesOf(file)),
  );
const names = (failed: readonly { readonly error: unknown }[]) =>
  failed.map(({ error }) => (error instanceof Error ? error.name : String(error)));

const runRecord = (site: Site, runId: string, status: RunRecord['status']): RunRecord => ({
  runId,
  pipeline: 'accounts',
  status,
  attempt: 1,
  epoch: 1,
  branch: 'main',
  createdMs: site.world.nowMs,
  updatedMs: site.world.nowMs,
  endedMs: undefined,
  error: undefined,
  facts: {},
});

describe('arrivals', () => {
  it('are recorded with feed, version and sequencer, and wait for the window to close', async () => {
    const site = await openSite();
    const handled = await handle(site, 's3-object-created', 's3-notification-url-encoded');
    expect(handled).toMatchObject({
      recorded: 6,
      known: 0,
      failed: [],
      start: { kind: 'later', pending: 6 },
    });
    expect(site.started).toEqual([]);
    expect(site.wakes).toEqual([300]);
    expect((await site.items())[0]).toMatchObject({
      feed: 'records',
      location: 's3://partwise-staging/accounts/100%25.csv',
      status: 'pending',
    });
  });

  it('of one window become one run', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    site.world.nowMs += 3 * minute;
    await handle(site, 's3-notification-url-encoded');
    site.world.nowMs += 2 * minute;
    expect((await handle(site, 'wake')).start).toMatchObject({ kind: 'started', pending: 6 });
    site.world.running = true;
    site.world.nowMs += 2 * minute;
    await handle(site, 'wake');
    expect(site.started).toHaveLength(1);
    expect(site.started[0]?.input).toEqual({ pipeline: 'accounts', concurrency: 40 });
  });

  it('told of a thousand times, in any order, are one application; the older version never beats the newer', async () => {
    const messages = [...messagesOf('s3-object-created-duplicates'), ...messagesOf('s3-object-created')];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...messages), { minLength: 1, maxLength: 40 }),
        async (some) => {
          const site = await openSite();
          // Each message once at the end, so that every order ends with the same facts.
          await handleMessages(site.options, [...some, ...messages]);
          const items = await site.items();
          expect(
            items.map(({ location, sequencer, status }) => [location.slice(-15), sequencer, status]),
          ).toEqual(
            expect.arrayContaining([
              ['2025-10.parquet', '00692599F08C3A1B22', 'superseded'],
              ['2025-10.parquet', '00692599F58C3A1B22', 'pending'],
            ]),
          );
          expect(items).toHaveLength(4);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('that are folders, hidden, unfinished or in nobody’s folder are left alone, and say why', async () => {
    const site = await openSite();
    const handled = await handle(site, 's3-not-for-us', 's3-object-deleted', 's3-test-event');
    expect(handled).toMatchObject({ recorded: 0, failed: [], start: { kind: 'nothing' } });
    expect(handled.ignored).toHaveLength(7);
    expect(await site.items()).toEqual([]);
  });

  it('in another bucket are refused by name and recorded nowhere', async () => {
    const site = await openSite();
    const { failed, start } = await handle(site, 's3-wrong-bucket');
    expect([names(failed), start, await site.items()]).toEqual([
      ['WrongBucketError'],
      { kind: 'nothing' },
      [],
    ]);
  });

  it('are taken in although malformed messages came with them; only those come again', async () => {
    const site = await openSite();
    const handled = await handle(site, 'malformed');
    expect(new Set(names(handled.failed))).toEqual(new Set(['MalformedEventError']));
    expect([handled.failed.length, handled.recorded]).toEqual([9, 1]);
  });

  it('of a table that is no feed of the pipeline change nothing', async () => {
    const site = await openSite();
    const handled = await handle(site, 'glue-table-state-change', 'partwise-staged');
    expect(handled).toMatchObject({ failed: [], recorded: 0, start: { kind: 'nothing' } });
  });
});

describe('a run in progress', () => {
  it('makes the next one wait, and its success starts it', async () => {
    const site = await openSite();
    site.world.running = true;
    await handle(site, 's3-object-created');
    site.world.nowMs += 6 * minute;
    expect((await handle(site, 'wake')).start).toEqual({ kind: 'waiting', pending: 3 });
    site.world.running = false;
    expect((await handle(site, 'execution-succeeded')).start.kind).toBe('started');
  });

  it('that a command line holds the lease of counts too', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    await site.options.state.leases.acquire('pipeline/accounts', 'a-run', 10 * minute);
    site.world.nowMs += 6 * minute;
    expect((await handle(site, 'wake')).start.kind).toBe('waiting');
  });

  it('that fails does not start the next at once: it would fail again', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    site.world.nowMs += 6 * minute;
    expect((await handle(site, 'execution-failed')).start).toEqual({ kind: 'nothing' });
    expect(site.started).toEqual([]);
  });
});

describe('starting a run', () => {
  it('happens once when several triggers come at the same time', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    site.world.nowMs += 6 * minute;
    const starts = await Promise.all([1, 2, 3, 4].map(async () => (await handle(site, 'wake')).start.kind));
    expect(starts.sort()).toEqual(['later', 'later', 'later', 'started']);
    expect(site.started).toHaveLength(1);
  });

  it('that fails fails the batch, and the next attempt is free to start', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    site.world.nowMs += 6 * minute;
    site.world.failStart = true;
    await expect(handle(site, 'wake')).rejects.toThrow('does not answer');
    site.world.failStart = false;
    expect((await handle(site, 'wake')).start.kind).toBe('started');
  });

  it('waits for its turn when the execution of this minute is over already', async () => {
    const site = await openSite({ ...accounts, aws: { ...accounts.aws, window: '0s' } });
    expect((await handle(site, 's3-object-created')).start.kind).toBe('started');
    site.world.nowMs += 20_000;
    await site.options.state.leases.release({
      name: 'trigger/accounts',
      holder: site.started[0]?.name ?? '',
      epoch: 1,
      expiresMs: 0,
    });
    expect((await handle(site, 'wake')).start).toMatchObject({ kind: 'later', delaySeconds: 60 });
    site.world.nowMs += minute;
    expect((await handle(site, 'wake')).start.kind).toBe('started');
  });
});

describe('a cancelled run', () => {
  it('gives its files back and starts nothing at once; one that was published is refused by name', async () => {
    const site = await openSite();
    const { state } = site.options;
    await handle(site, 's3-object-created');
    await state.runs.create(runRecord(site, 'accounts-20251125t120000-0a1b2c', 'failed'));
    await state.intake.claim('accounts', 'accounts-20251125t120000-0a1b2c', 10);
    expect(await handle(site, 'cancel')).toMatchObject({ failed: [], start: { kind: 'nothing' } });
    expect(await state.runs.get('accounts-20251125t120000-0a1b2c')).toMatchObject({ status: 'cancelled' });
    expect((await site.items()).map(({ status }) => status)).toEqual(['pending', 'pending', 'pending']);
    await state.runs.update('accounts-20251125t120000-0a1b2c', { status: 'succeeded' });
    expect(names((await handle(site, 'cancel')).failed)).toEqual(['UsageError']);
  });
});

describe('the schedule', () => {
  it('takes in what no event told of, without waiting for a window', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    site.listed.push(
      {
        key: 'accounts/2025-10.parquet',
        etag: 'b1946ac92492d2347c6235b4d2611184',
        sizeBytes: 1,
        modifiedMs: 0,
      },
      {
        key: 'accounts/lost.csv',
        etag: 'ffffffffffffffffffffffffffffffff',
        sizeBytes: 9,
        modifiedMs: site.world.nowMs,
      },
      { key: 'other/file.csv', etag: 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', sizeBytes: 9, modifiedMs: 0 },
    );
    const handled = await handle(site, 'schedule');
    expect(handled).toMatchObject({ recorded: 1, known: 1, start: { kind: 'started', pending: 4 } });
  });
});

describe('an inventory of the staging bucket', () => {
  const deliver = (site: Site, change: Readonly<Record<string, unknown>> = {}, lines?: string) => {
    const folder = 'partwise-staging/arrivals/2025-11-25T01-00Z';
    const data = gzipSync(
      lines ??
        '"partwise-staging","accounts/2025-10.parquet","5242880","2025-11-25T11:59:00.000Z","b1946ac92492d2347c6235b4d2611184"\n' +
          '"partwise-staging","accounts/K%C3%A4rnten+2025%2B.csv","12","2025-11-20T10:00:00.000Z","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"\n' +
          '"partwise-staging","other/x.csv","12","2025-11-20T10:00:00.000Z","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"\n',
    );
    const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
    const key = `${folder.replace('2025-11-25T01-00Z', 'data')}/5b6f.csv.gz`;
    const manifest = Buffer.from(
      JSON.stringify({
        sourceBucket: 'partwise-staging',
        destinationBucket: 'arn:aws:s3:::partwise-inventories',
        version: '2016-11-30',
        creationTimestamp: '1764032400000',
        fileFormat: 'CSV',
        fileSchema: 'Bucket, Key, Size, LastModifiedDate, ETag',
        files: [{ key, size: data.length, MD5checksum: md5(data) }],
        ...change,
      }),
    );
    site.inventories.set(key, data);
    site.inventories.set(`${folder}/manifest.json`, manifest);
    site.inventories.set(`${folder}/manifest.checksum`, Buffer.from(`${md5(manifest)}\n`));
    return { folder, key };
  };

  it('takes in what no event told of, keys decoded, and knows what one did', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    deliver(site);
    const handled = await handle(site, 's3-inventory');
    expect(handled).toMatchObject({ recorded: 1, known: 1, failed: [] });
    expect((await site.items()).map(({ location }) => location)).toContain(
      's3://partwise-staging/accounts/Kärnten 2025+.csv',
    );
  });

  it('that lists an older version than an event told of changes nothing', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    deliver(
      site,
      {},
      '"partwise-staging","accounts/2025-10.parquet","1","2025-11-20T10:00:00.000Z","cccccccccccccccccccccccccccccccc"\n',
    );
    await handle(site, 's3-inventory');
    const versions = (await site.items()).filter(({ location }) => location.endsWith('2025-10.parquet'));
    expect(versions.map(({ version, status }) => [version.slice(0, 2), status]).sort()).toEqual([
      ['b1', 'pending'],
      ['cc', 'superseded'],
    ]);
  });

  it.each([
    ['of another bucket', { sourceBucket: 'x' }, 'WrongBucketError'],
    ['in another format', { fileFormat: 'ORC' }, 'UnsupportedFeatureError'],
    ['without ETags', { fileSchema: 'Bucket, Key, Size' }, 'UnsupportedFeatureError'],
  ])('%s is refused by name', async (_, change, name) => {
    const site = await openSite();
    deliver(site, change);
    expect(names((await handle(site, 's3-inventory')).failed)).toEqual([name]);
    expect(await site.items()).toEqual([]);
  });

  it('that is damaged or gone is refused by name', async () => {
    const site = await openSite();
    expect(names((await handle(site, 's3-inventory')).failed)).toEqual(['ObjectNotFoundError']);
    const { key } = deliver(site);
    site.inventories.set(
      key,
      gzipSync('"partwise-staging","accounts/forged.csv","1","2025-11-20T10:00:00.000Z","d"'),
    );
    expect(names((await handle(site, 's3-inventory')).failed)).toEqual(['CorruptStateError']);
  });
});

describe('the sweep', () => {
  it('says how long things have waited and starts what nothing else did', async () => {
    const site = await openSite();
    await handle(site, 's3-object-created');
    site.world.nowMs += 42 * minute;
    expect(await sweep(site.options)).toMatchObject({
      pending: 3,
      oldestPendingSeconds: 42 * 60,
      oldestRunSeconds: 0,
      start: { kind: 'started' },
    });
  });

  it('says nothing waits when nothing does', async () => {
    const site = await openSite();
    expect(await sweep(site.options)).toEqual({
      pending: 0,
      oldestPendingSeconds: 0,
      oldestRunSeconds: 0,
      abandoned: [],
      start: { kind: 'nothing' },
    });
  });

  it('records a run as failed when its execution is gone and its lease has lapsed, and not before', async () => {
    const site = await openSite();
    const { state } = site.options;
    await state.runs.create(runRecord(site, 'stopped', 'working'));
    await state.leases.acquire('pipeline/accounts', 'stopped', 10 * minute);
    site.world.nowMs += 5 * minute;
    expect(await sweep(site.options)).toMatchObject({ abandoned: [], oldestRunSeconds: 300 });
    site.world.running = true;
    site.world.nowMs += 6 * minute;
    expect((await sweep(site.options)).abandoned).toEqual([]);
    site.world.running = false;
    expect(await sweep(site.options)).toMatchObject({ abandoned: ['stopped'], oldestRunSeconds: 0 });
    expect(await state.runs.get('stopped')).toMatchObject({
      status: 'failed',
      error: { name: 'States.Aborted', next: 'partwise resume stopped' },
    });
  });
});
