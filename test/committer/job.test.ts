import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { reapJobs, resumeJob } from '../../lib/committer/index.ts';
import type { Output } from '../../lib/committer/types.ts';
import {
  DestinationTakenError,
  IntegrityError,
  JobClosedError,
  LeaseLostError,
  LocationEscapeError,
  ObjectNotFoundError,
  StoreUnavailableError,
} from '../../lib/errors.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import { committedNames, content, hour, leftovers, openSite, visible } from './site.ts';

describe('a job', () => {
  test('shows its files when it commits and not before, and leaves only its commit record', async () => {
    await using site = await openSite();
    const job = await site.job('run-1');
    const one = job.task('one', 1);
    await one.write('a.txt', content('alpha', 'bet'));
    const path = join(site.path, 'made');
    await writeFile(path, 'from a file');
    await one.write('deep/b=1/b.txt', { path });
    const two = job.task('two', 1);
    await two.write('empty.txt', content());
    expect(await one.commit()).toEqual({ won: true, attempt: 1, files: 2, bytes: 19 });
    expect(await two.commit()).toEqual({ won: true, attempt: 1, files: 1, bytes: 0 });
    await job.task('three', 1).commit();
    expect(await visible(site.output)).toEqual({});
    await expect(committedNames(site.output, 'run-1')).rejects.toThrow(ObjectNotFoundError);

    const committed = await job.commit({ tasks: ['one', 'two', 'three'] });
    expect(committed).toMatchObject({ tasks: 3, files: 3, bytes: 19, already: false, cleaned: true });
    expect(await visible(site.output)).toEqual({
      'a.txt': 'alphabet',
      'deep/b=1/b.txt': 'from a file',
      'empty.txt': '',
    });
    expect(await committedNames(site.output, 'run-1')).toEqual(['a.txt', 'deep/b=1/b.txt', 'empty.txt']);
    expect(await leftovers(site.output)).toEqual([]);
  });

  test('that is committed again finds itself done, in any order of its tasks, but not with other tasks', async () => {
    await using site = await openSite();
    const job = await site.job('run-1');
    for (const name of ['one', 'two']) {
      const task = job.task(name, 1);
      await task.write(`${name}.txt`, content(name));
      await task.commit();
    }
    await job.commit({ tasks: ['one', 'two'] });
    const again = await site.job('run-1', { attempt: 2, epoch: 2 });
    expect(again.state).toBe('committed');
    expect(await again.commit({ tasks: ['two', 'one'] })).toMatchObject({ files: 2, already: true });
    await expect(again.commit({ tasks: ['one'] })).rejects.toThrow(JobClosedError);
    await expect(again.abort()).rejects.toThrow(JobClosedError);
    await expect(again.task('one', 2).write('c.txt', content('c'))).rejects.toThrow(JobClosedError);
    expect(await visible(site.output)).toEqual({ 'one.txt': 'one', 'two.txt': 'two' });
    expect(await leftovers(site.output)).toEqual([]);
  });

  test('without the files of a task decides nothing', async () => {
    await using site = await openSite();
    const job = await site.job('run-1');
    const task = job.task('one', 1);
    await task.write('a.txt', content('a'));
    await task.commit();
    await expect(job.commit({ tasks: ['one', 'two'] })).rejects.toThrow(IntegrityError);
    expect(await visible(site.output)).toEqual({});
    expect(await resumeJob({ ...site.output, runId: 'run-1' })).toBe('open');
    expect(await job.commit({ tasks: ['one'] })).toMatchObject({ files: 1 });
  });

  test('that is aborted shows nothing, ever, and its names are free again', async () => {
    await using site = await openSite();
    const job = await site.job('run-1');
    const task = job.task('one', 1);
    await task.write('a.txt', content('a'));
    const late = job.task('late', 1);
    await late.write('late.txt', content('late'));
    await task.commit();
    await job.abort();
    await job.abort();
    await expect(late.commit()).rejects.toThrow(JobClosedError);
    await expect(job.commit({ tasks: ['one'] })).rejects.toThrow(JobClosedError);
    expect(await resumeJob({ ...site.output, runId: 'run-1' })).toBe('aborted');
    const other = await site.job('run-2');
    const again = other.task('one', 1);
    await again.write('a.txt', content('of run 2'));
    await again.commit();
    await other.commit({ tasks: ['one'] });
    expect(await visible(site.output)).toEqual({ 'a.txt': 'of run 2' });
    site.forward(25 * hour);
    await reapJobs({ ...site.output, isUnfinished: async () => false, graceMs: 24 * hour });
    expect(await leftovers(site.output)).toEqual([]);
  });

  test('of a lower epoch decides nothing', async () => {
    await using site = await openSite();
    const old = await site.job('run-1', { attempt: 1, epoch: 1 });
    const task = old.task('one', 1);
    await task.write('a.txt', content('a'));
    await task.commit();
    const next = await site.job('run-1', { attempt: 2, epoch: 12 });
    await expect(old.commit({ tasks: ['one'] })).rejects.toThrow(LeaseLostError);
    await expect(old.abort()).rejects.toThrow(LeaseLostError);
    await expect(site.job('run-1', { epoch: 2 })).rejects.toThrow(LeaseLostError);
    await next.commit({ tasks: ['one'] });
    expect(await visible(site.output)).toEqual({ 'a.txt': 'a' });
  });

  test('refuses names that readers skip or that leave its folder', async () => {
    await using site = await openSite();
    const task = (await site.job('run-1')).task('one', 1);
    for (const name of ['../a', '/a', 'a//b', '.pending/x', '_committed/x', 'a/.hidden', 'a/../../b', ''])
      await expect(task.write(name, content('x')), name).rejects.toThrow(LocationEscapeError);
    await expect(site.job('..')).rejects.toThrow('no name of a run');
  });

  test('names of runs and tasks may hold anything', async () => {
    await using site = await openSite();
    const runId = 'daily/2026-01 %2F+é';
    const job = await site.job(runId);
    const task = job.task('a/b?c=%25', 1);
    await task.write('x.txt', content('x'));
    await task.commit();
    site.forward(25 * hour);
    const reaped = await reapJobs({
      ...site.output,
      isUnfinished: async (asked) => asked === runId,
      graceMs: 24 * hour,
    });
    expect(reaped).toMatchObject({ cleaned: [], abortedUploads: 0 });
    await job.commit({ tasks: ['a/b?c=%25'] });
    expect(await committedNames(site.output, runId)).toEqual(['x.txt']);
  });
});

describe('attempts of one task', () => {
  test('publish the files of exactly one of them', async () => {
    await using site = await openSite();
    const job = await site.job('run-1');
    const attempts = [1, 2, 3].map((attempt) => ({ attempt, task: job.task('one', attempt) }));
    for (const { attempt, task } of attempts) await task.write('a.txt', content(`of attempt ${attempt}`));
    const outcomes = await Promise.all(attempts.map(({ task }) => task.commit()));
    const winner = outcomes.findIndex(({ won }) => won) + 1;
    expect(outcomes.filter(({ won }) => won)).toHaveLength(1);
    expect(new Set(outcomes.map(({ attempt }) => attempt))).toEqual(new Set([winner]));
    expect(await attempts[winner - 1]?.task.commit()).toMatchObject({ won: true });
    for (const { task } of attempts) await task.abort();
    await job.commit({ tasks: ['one'] });
    expect(await visible(site.output)).toEqual({ 'a.txt': `of attempt ${winner}` });
    expect(await leftovers(site.output)).toEqual([]);
  });

  test('one that is aborted leaves its name to the next', async () => {
    await using site = await openSite();
    const job = await site.job('run-1');
    const first = job.task('one', 1);
    await first.write('a.txt', content('first'));
    await first.abort();
    await expect(first.write('b.txt', content('b'))).rejects.toThrow(IntegrityError);
    const second = job.task('one', 2);
    await second.write('a.txt', content('second'));
    await second.commit();
    await job.commit({ tasks: ['one'] });
    expect(await visible(site.output)).toEqual({ 'a.txt': 'second' });
    expect(await leftovers(site.output)).toEqual([]);
  });

  test('one whose offer arrives late keeps its files when it is aborted in between', async () => {
    await using site = await openSite();
    let late: (() => Promise<unknown>) | undefined;
    const { store } = site.output;
    const output: Output = {
      ...site.output,
      store: {
        ...store,
        write: async (location, bytes, options) => {
          if (!location.endsWith('/t.pendingset')) return store.write(location, bytes, options);
          late = () => store.write(location, bytes, options);
          throw new StoreUnavailableError('no answer');
        },
      },
    };
    const job = await site.job('run-1', { output });
    const task = job.task('t', 1);
    await task.write('a.txt', content('a'));
    await expect(task.commit()).rejects.toThrow(StoreUnavailableError);
    await task.abort();
    await late?.();
    const next = (await site.job('run-1')).task('t', 2);
    await next.write('a.txt', content('again'));
    expect(await next.commit()).toMatchObject({ won: false, attempt: 1 });
    await job.commit({ tasks: ['t'] });
    expect(await visible(site.output)).toEqual({ 'a.txt': 'a' });
    expect(await leftovers(site.output)).toEqual([]);
  });

  test('two tasks cannot write one name, nor one task twice', async () => {
    await using site = await openSite();
    const job = await site.job('run-1');
    const one = job.task('one', 1);
    await one.write('a.txt', content('one'));
    await expect(one.write('a.txt', content('again'))).rejects.toThrow(IntegrityError);
    await expect(job.task('two', 1).write('a.txt', content('two'))).rejects.toThrow(DestinationTakenError);
  });
});

describe('two jobs at one destination', () => {
  test('are kept apart; the second to use a name is refused and the first loses nothing', async () => {
    await using site = await openSite();
    const [one, two] = [await site.job('run-1'), await site.job('run-2')];
    const first = one.task('t', 1);
    await first.write('same.txt', content('first'));
    const second = two.task('t', 1);
    await second.write('other.txt', content('second'));
    await expect(second.write('same.txt', content('second'))).rejects.toThrow(DestinationTakenError);
    await second.commit();
    await first.commit();
    await two.commit({ tasks: ['t'] });
    expect(await visible(site.output)).toEqual({ 'other.txt': 'second' });
    await one.commit({ tasks: ['t'] });
    expect(await visible(site.output)).toEqual({ 'other.txt': 'second', 'same.txt': 'first' });
    const three = (await site.job('run-3')).task('t', 1);
    await expect(three.write('same.txt', content('third'))).rejects.toThrow(DestinationTakenError);
  });

  test('of ten that race for one name exactly one gets it', async () => {
    await using site = await openSite();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, async (_, n) => {
        const job = await site.job(`run-${n}`);
        const task = job.task('t', 1);
        await task.write('same.txt', content(`run ${n}`));
        await task.commit();
        await job.commit({ tasks: ['t'] });
      }),
    );
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DestinationTakenError);
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await visible(site.output)).toEqual({ 'same.txt': `run ${winner}` });
  });

  test('a file that somebody else puts there after the claim is never overwritten', async () => {
    await using site = await openSite();
    const job = await site.job('run-1');
    const task = job.task('t', 1);
    await task.write('a.txt', content('ours'));
    await task.commit();
    const place = joinLocation(site.output.destination, 'a.txt');
    await site.output.store.write(place, new TextEncoder().encode('theirs'));
    await expect(job.commit({ tasks: ['t'] })).rejects.toThrow(DestinationTakenError);
    expect(await visible(site.output)).toEqual({ 'a.txt': 'theirs' });
    await site.output.store.delete(place);
    expect(await resumeJob({ ...site.output, runId: 'run-1' })).toBe('committed');
    expect(await visible(site.output)).toEqual({ 'a.txt': 'ours' });
  });
});

test('a commit record that is cut off is named', async () => {
  await using site = await openSite();
  const job = await site.job('run-1');
  const task = job.task('t', 1);
  await task.write('a.txt', content('a'));
  await task.commit();
  const { record } = await job.commit({ tasks: ['t'] });
  const { store } = site.output;
  const whole = await store.read(record);
  await store.write(record, whole.subarray(0, whole.lastIndexOf(10, whole.length - 2)), { overwrite: true });
  await expect(committedNames(site.output, 'run-1')).rejects.toThrow('damaged');
});
