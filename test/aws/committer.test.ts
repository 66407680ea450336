import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { expect, inject, it, onTestFinished } from 'vitest';
import { openJob, reapJobs, resumeJob } from '../../lib/committer/index.ts';
import type { Output } from '../../lib/committer/types.ts';
import { DestinationTakenError, PendingWriteLostError, StoreUnavailableError } from '../../lib/errors.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import { openS3Pending } from '../../lib/stores/s3/pending.ts';
import { committedNames, content, hour, leftovers, visible } from '../committer/site.ts';
import { type Fault, openFaultProxy, operationOf } from './faults.ts';
import { openProxy, type ProxiedRequest } from './proxy.ts';
import { openTestStore, testClients } from './world.ts';

async function openBucket(options: { readonly maxAttempts?: number } = {}) {
  const proxy = await openFaultProxy(inject('endpoints').s3);
  const opened = await openTestStore({ endpoint: proxy.url, ...options });
  onTestFinished(async () => {
    await opened[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
  let aheadMs = 0;
  const output: Output = {
    store: opened.store,
    pending: openS3Pending({
      client: opened.clients.s3,
      bucket: opened.bucket,
      prefix: 'some/prefix',
      partBytes: opened.pieceBytes,
    }),
    destination: joinLocation(opened.store.root, 'out'),
    clock: { now: () => Date.now() + aheadMs },
  };
  return {
    ...opened,
    proxy,
    output,
    job: (runId: string) => openJob({ ...output, runId, attempt: 1, epoch: 1 }),
    forward: (ms: number) => {
      aheadMs += ms;
    },
    reap: (unfinished: readonly string[] = []) =>
      reapJobs({ ...output, isUnfinished: async (run) => unfinished.includes(run), graceMs: 24 * hour }),
  };
}

/** Requests about data files; the records of jobs are written by the store, whose faults are tested elsewhere. */
const about = (operation: string) => (asked: ProxiedRequest) =>
  operationOf(asked) === operation && !/\/(\.pending|_committed)\//.test(asked.path);

async function committedWith(faults: (proxy: Awaited<ReturnType<typeof openBucket>>['proxy']) => void) {
  const bucket = await openBucket();
  const job = await bucket.job('run-1');
  const task = job.task('t', 1);
  faults(bucket.proxy);
  await task.write('a.txt', content('alpha'));
  await task.commit();
  await job.commit({ tasks: ['t'] });
  expect(bucket.proxy.left()).toBe(0);
  expect(await visible(bucket.output)).toEqual({ 'a.txt': 'alpha' });
  return bucket;
}

it('shows files of one part, of several, and empty ones when the job commits, and nothing before', async () => {
  const bucket = await openBucket();
  const bytes = randomBytes(20e6);
  const path = join(bucket.folder, 'large');
  await writeFile(path, bytes);
  const lengths: Readonly<Record<string, number>> = {
    'large.bin': bytes.length,
    'stream.bin': bytes.length,
    'small.txt': 5,
    'empty.txt': 0,
  };
  let decided = false;
  let looks = 0;
  const early = new Set<string>();
  const wrong = new Set<string>();
  const lister = polling(async () => {
    const before = decided;
    const { store, destination } = bucket.output;
    for await (const { location, sizeBytes } of store.list(`${destination}/`)) {
      const name = location.slice(destination.length + 1);
      if (/^[._]/.test(name)) continue;
      if (!before && !decided) early.add(name);
      if (sizeBytes !== lengths[name]) wrong.add(name);
    }
    looks += 1;
  });
  const job = await bucket.job('run-1');
  const task = job.task('t', 1);
  const written = await task.write('large.bin', { path }, { sizeHintBytes: bytes.length });
  await task.write('stream.bin', chunked(bytes));
  await task.write('small.txt', content('small'));
  await task.write('empty.txt', content());
  await task.commit();
  decided = true;
  expect(bucket.proxy.seen.filter((one) => one === 'PUT uploadId')).toHaveLength(4 + 4 + 1 + 1);
  expect(await job.commit({ tasks: ['t'] })).toMatchObject({ files: 4, bytes: 40_000_005, cleaned: true });
  expect(await committedNames(bucket.output, 'run-1')).toEqual([
    'empty.txt',
    'large.bin',
    'small.txt',
    'stream.bin',
  ]);
  await lister.stop();
  expect(looks).toBeGreaterThan(5);
  expect({ early: [...early], wrong: [...wrong] }).toEqual({ early: [], wrong: [] });
  expect(Buffer.compare(await bucket.store.read(written.destination), bytes)).toBe(0);
  expect(await leftovers(bucket.output)).toEqual([]);
});

/** Looks again and again until it is stopped; a failed look fails the stop. */
function polling(look: () => Promise<void>): { stop(): Promise<void> } {
  let going = true;
  const ended = (async () => {
    while (going) await look();
  })();
  ended.catch(() => undefined);
  return {
    stop: () => {
      going = false;
      return ended;
    },
  };
}

async function* chunked(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += 700_001) yield bytes.subarray(from, from + 700_001);
}

it('a commit record stands only after every file of it', async () => {
  const bucket = await openBucket();
  const job = await bucket.job('run-1');
  const names = Array.from({ length: 30 }, (_, n) => `f-${n}.txt`);
  const task = job.task('t', 1);
  for (const name of names) await task.write(name, content(name));
  await task.commit();
  let done = false;
  const watched = (async () => {
    for (let last = false; ; ) {
      const listed = await committedNames(bucket.output, 'run-1').catch(() => undefined);
      if (listed !== undefined) expect(listed).toHaveLength(names.length);
      if (last) return;
      last = done;
    }
  })();
  await job.commit({ tasks: ['t'] });
  done = true;
  await watched;
});

it.each(['lost reply', 'lost request'] as const)('survives a %s of each request', async (kind) => {
  const fault: Fault = { kind };
  for (const operation of ['POST uploads', 'PUT uploadId', 'POST uploadId', 'HEAD', 'DELETE uploadId']) {
    const bucket = await committedWith((proxy) => proxy.strike(fault, 1, about(operation)));
    bucket.forward(25 * hour);
    await bucket.reap();
    expect(await leftovers(bucket.output), operation).toEqual([]);
  }
});

it('recognises its own file behind a 412, and behind an answer that never comes', async () => {
  const bucket = await openBucket({ maxAttempts: 2 });
  const job = await bucket.job('run-1');
  const task = job.task('t', 1);
  await task.write('a.txt', content('alpha'));
  await task.commit();
  bucket.proxy.strike({ kind: 'lost reply' }, 1, about('POST uploadId'));
  bucket.proxy.strike({ kind: 'status', status: 412, code: 'PreconditionFailed' }, 1, about('POST uploadId'));
  await job.commit({ tasks: ['t'] });
  expect(bucket.proxy.left()).toBe(0);
  expect(await committedNames(bucket.output, 'run-1')).toEqual(['a.txt']);
});

it('a job that breaks off between its completions is finished by a resume', async () => {
  const bucket = await openBucket({ maxAttempts: 1 });
  const job = await bucket.job('run-1');
  const task = job.task('t', 1);
  for (const name of ['a.txt', 'b.txt', 'c.txt']) await task.write(name, content(name));
  await task.commit();
  bucket.proxy.strike(
    { kind: 'lost request' },
    1,
    (asked) => about('POST uploadId')(asked) && asked.path.includes('b.txt'),
  );
  await expect(job.commit({ tasks: ['t'] })).rejects.toThrow(StoreUnavailableError);
  await expect(committedNames(bucket.output, 'run-1')).rejects.toThrow('does not exist');
  await expect(job.abort()).rejects.toThrow('committing');
  expect(await resumeJob({ ...bucket.output, runId: 'run-1' })).toBe('committed');
  expect(await committedNames(bucket.output, 'run-1')).toEqual(['a.txt', 'b.txt', 'c.txt']);
  expect(await leftovers(bucket.output)).toEqual([]);
});

it('an upload that was aborted from outside after the commit point is named, and nothing else is lost', async () => {
  const bucket = await openBucket();
  const job = await bucket.job('run-1');
  const task = job.task('t', 1);
  await task.write('a.txt', content('a'));
  await task.write('b.txt', content('b'));
  await task.commit();
  for await (const begun of bucket.output.pending.list(bucket.output.destination))
    if (begun.destination.endsWith('b.txt')) await bucket.output.pending.abort(begun);
  await expect(job.commit({ tasks: ['t'] })).rejects.toThrow(PendingWriteLostError);
  await expect(committedNames(bucket.output, 'run-1')).rejects.toThrow('does not exist');
});

it('a conflict at completion is tried again', async () => {
  await committedWith((proxy) =>
    proxy.strike(
      { kind: 'status', status: 409, code: 'ConditionalRequestConflict' },
      2,
      about('POST uploadId'),
    ),
  );
});

it('the reaper aborts the uploads of tasks that died, and only those', async () => {
  const bucket = await openBucket({ maxAttempts: 1 });
  const dead = await bucket.job('dead');
  const alive = await bucket.job('alive');
  const deadTask = dead.task('t', 1);
  await deadTask.write('dead.txt', content('dead'));
  // The upload is begun, the answer is lost: no record names it.
  bucket.proxy.strike({ kind: 'lost reply' }, 1, about('POST uploads'));
  await expect(deadTask.write('lost.txt', content('x'))).rejects.toThrow(StoreUnavailableError);
  const aliveTask = alive.task('t', 1);
  await aliveTask.write('alive.txt', content('alive'));
  await aliveTask.commit();
  expect(await bucket.reap(['alive'])).toMatchObject({ cleaned: [], abortedUploads: 0 });
  bucket.forward(25 * hour);
  expect(await bucket.reap(['alive'])).toMatchObject({ cleaned: ['dead'], abortedUploads: 1, failures: [] });
  const uploads = await bucket.clients.s3.send(new ListMultipartUploadsCommand({ Bucket: bucket.bucket }));
  expect(uploads.Uploads?.map(({ Key }) => Key)).toEqual(['some/prefix/out/alive.txt']);
  await alive.commit({ tasks: ['t'] });
  expect(await visible(bucket.output)).toEqual({ 'alive.txt': 'alive' });
});

it('of two jobs that use one name the second is refused, before its commit point', async () => {
  const bucket = await openBucket();
  const [one, two] = [await bucket.job('run-1'), await bucket.job('run-2')];
  const first = one.task('t', 1);
  await first.write('same.txt', content('first'));
  const second = two.task('t', 1);
  await expect(second.write('same.txt', content('second'))).rejects.toThrow(DestinationTakenError);
  await first.commit();
  await one.commit({ tasks: ['t'] });
  await expect(second.write('same.txt', content('second'))).rejects.toThrow(DestinationTakenError);
  expect(await visible(bucket.output)).toEqual({ 'same.txt': 'first' });
  await two.abort();
  expect(await visible(bucket.output)).toEqual({ 'same.txt': 'first' });
});

it('holds no more parts in memory than its buffer takes, however many may be sent side by side', async () => {
  await using direct = await openTestStore();
  const sending = { now: 0, most: 0, all: 0 };
  await using proxy = await openProxy(inject('endpoints').s3, async (asked, forward) => {
    if (operationOf(asked) !== 'PUT uploadId') return forward(asked);
    sending.now += asked.body.length;
    sending.all += asked.body.length;
    sending.most = Math.max(sending.most, sending.now);
    const answer = await forward(asked);
    sending.now -= asked.body.length;
    return answer;
  });
  using clients = testClients({ s3: proxy.url });
  const part = direct.pieceBytes;
  const pending = openS3Pending({
    client: clients.s3,
    bucket: direct.bucket,
    prefix: 'some/prefix',
    partBytes: part,
    parallel: 8,
    bufferBytes: 2 * part + 1,
  });
  const bytes = randomBytes(30e6);
  const file = await pending.write(joinLocation(direct.store.root, 'x'), chunked(bytes));
  expect(file.parts).toHaveLength(6);
  expect(sending.all).toBe(bytes.length);
  expect(sending.most).toBeGreaterThan(part);
  expect(sending.most).toBeLessThanOrEqual(2 * part + 1);
});
