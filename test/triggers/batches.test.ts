import { expect, test } from 'vitest';
import { loadPipeline, scheduleOf } from '../../lib/config/index.ts';
import type { RunRecord } from '../../lib/stores/ports.ts';
import { handleMessages } from '../../lib/triggers/handle.ts';
import { sweep } from '../../lib/triggers/sweep.ts';
import { accounts, openSite, type Site } from './site.ts';

const metrics = await loadPipeline('pipelines/metrics.yaml');
const hour = 3_600_000;
/** Batch 0 starts with 2026, each is an hour long. */
const start = Date.UTC(2026, 0, 1);

const message = (body: object) => [{ id: '1', body: JSON.stringify(body) }];
const schedule = message({ partwise: 'schedule', pipeline: 'metrics', logicalTime: '2026-01-01T00:00:00Z' });
const wake = message({ partwise: 'wake', pipeline: 'metrics' });

async function arrive(site: Site, atMs: number): Promise<void> {
  await site.options.state.intake.record({
    pipeline: 'metrics',
    feed: 'records',
    location: `s3://partwise-staging/metrics/${atMs}.parquet`,
    version: 'v',
    sizeBytes: 1,
    sequencer: '01',
    arrivedMs: atMs,
  });
}

function runOf(number: number, status: RunRecord['status']): RunRecord {
  return {
    runId: `metrics-${number}-${status}`,
    pipeline: 'metrics',
    status,
    attempt: 1,
    epoch: 1,
    branch: 'main',
    createdMs: start + (number + 1) * hour,
    updatedMs: 0,
    endedMs: undefined,
    error: undefined,
    facts: { batch: { number, watermarkMs: start + (number + 1) * hour, flush: false, previous: null } },
  };
}

async function metricsSite(nowMs: number): Promise<Site> {
  const site = await openSite(metrics);
  site.world.nowMs = nowMs;
  return site;
}

test('files wait for the end of the batch that they arrive in, then a run starts at once', async () => {
  const site = await metricsSite(start + 0.9 * hour);
  await arrive(site, start + 0.9 * hour);
  const early = await handleMessages(site.options, wake);
  expect(early.start).toMatchObject({ kind: 'later', pending: 1, delaySeconds: 360 });
  site.world.nowMs = start + hour;
  const due = await handleMessages(site.options, wake);
  expect(due.start).toMatchObject({ kind: 'started', name: expect.stringMatching(/^metrics-b0-w\d+$/) });
  expect(site.started[0]?.input).toEqual({ pipeline: 'metrics', concurrency: 40 });
});

test('nothing begins before the first file', async () => {
  const site = await metricsSite(start + 5 * hour);
  expect((await handleMessages(site.options, schedule)).start).toEqual({ kind: 'nothing' });
});

test('a batch that is due starts without files, since time closes windows; one that is not does not', async () => {
  const site = await metricsSite(start + 1.5 * hour);
  await site.options.state.runs.create(runOf(0, 'succeeded'));
  expect((await handleMessages(site.options, schedule)).start).toEqual({ kind: 'nothing' });
  site.world.nowMs = start + 2 * hour;
  expect((await handleMessages(site.options, schedule)).start).toMatchObject({
    kind: 'started',
    name: expect.stringMatching(/^metrics-b1-/),
  });
});

test('batches that are caught up follow each other without a pause, one at a time', async () => {
  const site = await metricsSite(start + 3 * hour);
  await arrive(site, start + 1);
  const names: string[] = [];
  for (const number of [0, 1, 2, 3]) {
    const { start: decision } = await handleMessages(site.options, schedule);
    if (decision.kind !== 'started') break;
    names.push(decision.name.replace(/-w\d+$/, ''));
    site.world.running = true;
    expect((await handleMessages(site.options, schedule)).start).toMatchObject({ kind: 'waiting' });
    site.world.running = false;
    await site.options.state.runs.create(runOf(number, 'succeeded'));
  }
  expect(names).toEqual(['metrics-b0', 'metrics-b1', 'metrics-b2']);
});

test('a batch whose run has failed is started again, not the one after it; a plan waits for a person', async () => {
  const site = await metricsSite(start + 3 * hour);
  await site.options.state.runs.create(runOf(0, 'succeeded'));
  await site.options.state.runs.create(runOf(1, 'failed'));
  expect((await sweep(site.options)).start).toMatchObject({ name: expect.stringMatching(/^metrics-b1-/) });
  const planned = await metricsSite(start + 3 * hour);
  await planned.options.state.runs.create(runOf(1, 'planned'));
  expect((await sweep(planned.options)).start).toEqual({ kind: 'nothing' });
});

test('a deployed pipeline in batches is looked at once a batch, unless it says otherwise', () => {
  expect(scheduleOf(metrics)?.expression).toBe('rate(60 minutes)');
  expect(scheduleOf(accounts)).toBeUndefined();
});
