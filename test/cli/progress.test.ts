import { describe, expect, it } from 'vitest';
import { makeProgress } from '../../lib/cli/progress.ts';
import { Arrivals } from '../../lib/cli/watch-folder.ts';
import type { ProgressEvent } from '../../lib/run/progress-event.ts';

const stage = (name: string, units: number): ProgressEvent => ({
  kind: 'stage',
  runId: 'r1',
  stage: name,
  units,
  rows: 0,
  bytes: 0,
});
const unit = (name: string, rows: number, skipped = false): ProgressEvent => ({
  kind: 'unit',
  runId: 'r1',
  stage: name,
  unit: 'u',
  rows,
  bytes: 0,
  skipped,
  elapsedMs: 500,
});

function recorder(isTTY: boolean) {
  let written = '';
  let nowMs = 0;
  const stream = { write: (text: string) => (written += text), isTTY, columns: 80 };
  const progress = makeProgress({ stream, quiet: false, now: () => nowMs });
  return {
    progress,
    at: (ms: number, event: ProgressEvent) => {
      nowMs = ms;
      progress.event(event);
    },
    text: () => written,
  };
}

describe('progress without a terminal', () => {
  it('is a line per stage, with rows per second', () => {
    const { progress, at, text } = recorder(false);
    at(0, { kind: 'run', runId: 'r1', attempt: 1, objects: 2 });
    at(0, stage('prepare', 2));
    at(500, unit('prepare', 1_000));
    at(1_000, unit('prepare', 1_000));
    at(1_000, stage('resolve', 1));
    at(1_000, stage('apply', 1));
    at(3_000, unit('resolve', 10));
    progress.finish();
    expect(text()).toBe(
      [
        'run r1: 2 files',
        '  prepare    2/2 units  2,000 rows  2,000 rows/s  1 s',
        '  resolve    1/1 unit  10 rows  20 rows/s  500 ms',
        '',
      ].join('\n'),
    );
  });

  it('says how long a long stage will take, every five seconds', () => {
    const { at, text } = recorder(false);
    at(0, stage('apply', 10));
    at(500, unit('apply', 100));
    at(2_000, unit('apply', 100));
    expect(text()).toBe('');
    at(6_000, unit('apply', 100));
    expect(text()).toBe('  apply      3/10 units  300 rows  50 rows/s  about 14 s left\n');
  });

  it('says nothing of how long it will take until units have ended that began after the first one', () => {
    const { at, text } = recorder(false);
    const of = (elapsedMs: number): ProgressEvent => ({ ...unit('apply', 10), elapsedMs }) as ProgressEvent;
    at(0, stage('apply', 100));
    // Ten at a time, of a minute each.
    for (let one = 0; one < 10; one += 1) at(60_000 + one * 600, of(60_000));
    expect(text()).not.toContain('left');
    for (let one = 0; one < 10; one += 1) at(120_000 + one * 600, of(60_000));
    const said = [...text().matchAll(/about (\d+) min (\d\d) s left/g)].map(
      ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
    );
    expect(said.length).toBeGreaterThan(0);
    for (const seconds of said) {
      expect(seconds).toBeGreaterThan(0.7 * 480);
      expect(seconds).toBeLessThan(1.5 * 480);
    }
  });

  it('does not take the time of Spark for that of the units that are finished afterwards', () => {
    const { at, text } = recorder(false);
    at(0, stage('apply', 40));
    at(0, { kind: 'note', runId: 'r1', stage: 'apply', text: '40 units of apply go to Spark' });
    for (let one = 0; one < 30; one += 1) at(600_000 + one * 1_000, unit('apply', 10));
    const said = [...text().matchAll(/about (.*) left/g)].map(([, left]) => left);
    expect(said.length).toBeGreaterThan(0);
    for (const left of said) expect(left).toMatch(/^\d+(\.\d)? s$/);
  });

  it('does not reckon with units that wait for Spark, and says that it comes', () => {
    const { at, text } = recorder(false);
    at(0, stage('apply', 10));
    for (let one = 0; one < 6; one += 1)
      at(one, { kind: 'compiled', runId: 'r1', stage: 'apply', unit: `u${one}` });
    at(500, unit('apply', 100));
    at(6_000, unit('apply', 100));
    expect(text()).toBe('  apply      2/10 units  200 rows  33 rows/s  about 6 s left, then Spark\n');
  });

  it('counts the time of a run of Spark for the stage that it works on', () => {
    const { progress, at, text } = recorder(false);
    at(0, stage('resolve', 1));
    at(0, stage('apply', 1));
    at(500, unit('resolve', 10));
    at(1_000, { kind: 'note', runId: 'r1', stage: 'apply', text: '1 unit of apply goes to Spark' });
    at(31_000, unit('apply', 300));
    progress.finish();
    expect(text()).toBe(
      [
        '  resolve    1/1 unit  10 rows  20 rows/s  500 ms',
        '  1 unit of apply goes to Spark',
        '  apply      1/1 unit  300 rows  10 rows/s',
        '  apply      1/1 unit  300 rows  10 rows/s  30 s',
        '',
      ].join('\n'),
    );
  });

  it('does not take units that stood already for speed', () => {
    const { progress, at, text } = recorder(false);
    at(0, { kind: 'run', runId: 'r1', attempt: 2, objects: 1 });
    at(0, stage('apply', 3));
    at(0, unit('apply', 7, true));
    at(1_000, unit('apply', 100));
    progress.finish();
    expect(text()).toContain('run r1, attempt 2: 1 file\n');
    expect(text()).toContain('2/3 units  1 done before  100 rows');
  });

  it('shows notes at once', () => {
    const { at, text } = recorder(false);
    at(0, { kind: 'note', runId: 'r1', text: 'planned again' });
    expect(text()).toBe('  planned again\n');
  });
});

describe('progress on a terminal', () => {
  it('redraws one line within the width and leaves the last state', () => {
    const { progress, at, text } = recorder(true);
    at(0, stage('apply', 2));
    at(500, unit('apply', 1));
    at(1_000, unit('apply', 1));
    progress.finish();
    const parts = text().split('\r\u001b[2K');
    expect(parts).toHaveLength(3);
    expect(parts.slice(0, -1).every((line) => line.length < 80 && !line.includes('\n'))).toBe(true);
    expect(parts.at(-1)).toMatch(/2\/2 units .*\n$/);
  });
});

describe('quiet', () => {
  it('writes nothing', () => {
    let written = '';
    const progress = makeProgress({
      stream: { write: (text) => (written += text) },
      quiet: true,
      now: () => 0,
    });
    progress.event(stage('apply', 1));
    progress.event(unit('apply', 1));
    progress.finish();
    expect(written).toBe('');
  });
});

describe('arrivals', () => {
  const files = (entries: Record<string, string>) => new Map(Object.entries(entries));

  it('are files that stood still between two looks', () => {
    const arrivals = new Arrivals();
    expect(arrivals.look(files({ a: '1' }))).toEqual({ ready: [], waiting: 1 });
    expect(arrivals.look(files({ a: '2' }))).toEqual({ ready: [], waiting: 1 });
    expect(arrivals.look(files({ a: '2', b: '1' }))).toEqual({ ready: ['a'], waiting: 1 });
    expect(arrivals.look(files({ a: '2', b: '1' }))).toEqual({ ready: ['a', 'b'], waiting: 0 });
  });

  it('come back only when they change', () => {
    const arrivals = new Arrivals();
    arrivals.look(files({ a: '1' }));
    expect(arrivals.look(files({ a: '1' })).ready).toEqual(['a']);
    arrivals.settle(['a']);
    expect(arrivals.look(files({ a: '1' }))).toEqual({ ready: [], waiting: 0 });
    expect(arrivals.look(files({ a: '2' }))).toEqual({ ready: [], waiting: 1 });
    expect(arrivals.look(files({ a: '2' })).ready).toEqual(['a']);
  });

  it('may go away', () => {
    const arrivals = new Arrivals();
    arrivals.look(files({ a: '1' }));
    expect(arrivals.look(files({}))).toEqual({ ready: [], waiting: 0 });
  });
});
