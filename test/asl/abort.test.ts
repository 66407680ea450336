import { describe, expect, it } from 'vitest';
import { sleepFor } from '../../lib/asl/concurrency.ts';
import type { TaskCall } from '../../lib/asl/index.ts';
import {
  call,
  definitionOf,
  distributedMap,
  lines,
  memoryObjects,
  named,
  run,
  toResults,
  typesOf,
  virtualTime,
} from './support.ts';

describe('an abort', () => {
  it('before the start runs nothing', async () => {
    const result = await run(definitionOf({ P: { Type: 'Pass', End: true } }), {
      signal: AbortSignal.abort(),
    });
    expect(result).toMatchObject({ status: 'ABORTED', output: undefined });
    expect(typesOf(result.history)).toEqual(['ExecutionStarted', 'ExecutionAborted']);
  });

  it('tells the handler, whose reason becomes the cause, past any Retry and Catch', async () => {
    const control = new AbortController();
    let told = false;
    const work = (_: unknown, { signal }: TaskCall) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          told = true;
          reject(named('Interrupted'));
        });
        control.abort(named('RunCancelledError', 'by the user'));
      });
    const task = call('work', {
      Retry: [{ ErrorEquals: ['States.ALL'] }],
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'S' }],
      Next: 'S',
    });
    const result = await run(definitionOf({ T: task, S: { Type: 'Succeed' } }), {
      functions: { work },
      signal: control.signal,
    });
    expect(result).toMatchObject({ status: 'ABORTED', error: 'RunCancelledError', cause: 'by the user' });
    expect(typesOf(result.history).slice(-2)).toEqual(['TaskStateAborted', 'ExecutionAborted']);
    expect(told).toBe(true);
  });

  it('waits for handlers that take their time to stop', async () => {
    const control = new AbortController();
    let stopped = false;
    const work = async (_: unknown, { signal }: TaskCall) => {
      control.abort();
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      stopped = signal.aborted;
    };
    await run(definitionOf({ T: call('work') }), {
      functions: { work },
      signal: control.signal,
      sleep: sleepFor,
    });
    expect(stopped).toBe(true);
  });

  it('ends a Wait, and the wait before a retry', async () => {
    for (const state of [
      { Type: 'Wait', Seconds: 1_000, End: true },
      call('fail', { Retry: [{ ErrorEquals: ['E'], IntervalSeconds: 1_000 }] }),
    ]) {
      const control = new AbortController();
      const time = virtualTime();
      const sleep = (ms: number, signal: AbortSignal) => {
        queueMicrotask(() => control.abort());
        return time.sleep(ms, signal);
      };
      const functions = { fail: async () => Promise.reject(named('E')) };
      const result = await run(definitionOf({ W: state }), {
        functions,
        clock: time.clock,
        sleep,
        signal: control.signal,
      });
      expect(result.status).toBe('ABORTED');
      expect(time.clock.now()).toBe(virtualTime().clock.now());
    }
  });

  it('stops branches and iterations', async () => {
    const control = new AbortController();
    const work = async () => control.abort();
    const branch = (name: string) => ({
      StartAt: name,
      States: { [name]: { Type: 'Wait', Seconds: 9, End: true } },
    });
    const parallel = {
      Type: 'Parallel',
      Branches: [branch('A'), { StartAt: 'B', States: { B: call('work') } }],
      End: true,
    };
    const result = await run(definitionOf({ P: parallel }), { functions: { work }, signal: control.signal });
    expect(result.status).toBe('ABORTED');
    expect(typesOf(result.history)).toContain('ParallelStateAborted');
  });

  it('stops a Map Run: nothing starts any more, what is done is in the results', async () => {
    const control = new AbortController();
    const objects = memoryObjects({ 'bucket/items': lines([0, 1, 2, 3]) });
    let calls = 0;
    const work = async (item: unknown) => {
      calls += 1;
      if (item === 1) control.abort();
    };
    const map = distributedMap({ MaxConcurrency: 1, ResultWriter: toResults });
    const result = await run(definitionOf({ M: map }), {
      functions: { work },
      objects,
      signal: control.signal,
    });
    expect(result.status).toBe('ABORTED');
    expect(typesOf(result.history)).toEqual(expect.arrayContaining(['MapRunAborted', 'MapStateAborted']));
    expect(calls).toBe(2);
    expect([...objects.objects.keys()].some((name) => name.endsWith('SUCCEEDED_0.json'))).toBe(true);
  });

  it('after the end changes nothing', async () => {
    const control = new AbortController();
    const result = await run(definitionOf({ S: { Type: 'Succeed' } }), { signal: control.signal });
    control.abort();
    expect(result.status).toBe('SUCCEEDED');
  });
});
