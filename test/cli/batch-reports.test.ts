import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Home, type HomeOptions, newHome } from './harness.ts';
import { ok } from './warehouse.ts';

/** A pipeline in batches, driven through command lines only. */

const startMs = Date.parse('2026-01-01T00:00:00Z');
const minute = 60_000;
const hour = 60 * minute;

const time = (ms: number) => new Date(ms).toISOString();
const first = ['--arrived', time(startMs + 30 * minute), '--until', time(startMs + hour)] as const;
const second = ['--arrived', time(startMs + 90 * minute), '--until', time(startMs + 2 * hour)] as const;

async function points(home: Home, name: string, ...timesMs: readonly number[]): Promise<string> {
  const rows = timesMs.map((ms, at) => `cpu,org-1,requests,1,${at + 1},${ms}\n`);
  const header = 'id,org_id,metric,metric_shard_id,long_value,logical_timestamp\n';
  await writeFile(join(home.path, name), header + rows.join(''));
  return name;
}

async function metrics(begin = startMs, every = '1h', options: HomeOptions = {}): Promise<Home> {
  const home = await newHome(options);
  await mkdir(join(home.path, 'pipelines'));
  await writeFile(
    join(home.path, 'pipelines/metrics.yaml'),
    `pipeline: metrics\nkind: rollup\nresolutions: [1m, 1h]\nbatches: { start: '${time(begin)}', every: ${every} }\nlateness: 0s\n`,
  );
  return home;
}

const published = async (home: Home) =>
  (await home.json('sql', 'SELECT resolution, "count" FROM rollups ORDER BY ALL')).rows;

test('a plan takes the batch that ends by --until, with the file at its --arrived, and runs as it was planned', async () => {
  await using home = await metrics();
  const file = await points(home, 'a.csv', startMs + 1, startMs + minute);
  const { stdout } = await ok(home, 'plan', file, ...first);
  expect(stdout).toContain('batch 0 ends at 2026-01-01T01:00:00.000Z: 2 points of 1 file');
  const run = /partwise run --plan (\S+)/.exec(stdout)?.[1] ?? '';
  const waits = await home.run('run', '--until', time(startMs + hour));
  expect([waits.code, waits.stderr]).toEqual([
    4,
    expect.stringContaining(`next   partwise run --plan ${run}`),
  ]);
  await ok(home, 'run', '--plan', run);
  expect(await published(home)).toEqual([
    [60_000, 2],
    [3_600_000, 2],
  ]);
});

test('a plan with --flush publishes what is open; one before the end of the batch says what it waits for', async () => {
  await using home = await metrics();
  const file = await points(home, 'a.csv', startMs + hour + minute);
  const early = ['--arrived', time(startMs + minute), '--until', time(startMs + 2 * minute)] as const;
  expect((await ok(home, 'plan', file, ...early)).stdout).toContain(
    'the next batch ends at 2026-01-01T01:00:00.000Z; 1 file waits for it',
  );
  const { stdout } = await ok(home, 'plan', '--until', time(startMs + 2 * minute), '--flush');
  expect(stdout).toContain('strategy  flush');
  await ok(home, 'run', '--plan', /partwise run --plan (\S+)/.exec(stdout)?.[1] ?? '');
  expect(await published(home)).toEqual([
    [60_000, 1],
    [3_600_000, 1],
  ]);
});

test('what a batch leaves open is counted, one of each as one', async () => {
  await using home = await metrics();
  const file = await points(home, 'a.csv', startMs + 1, startMs + 1, startMs + hour + 1);
  const { stdout } = await ok(home, 'run', file, ...first);
  expect(stdout).toContain(
    '3 points, 1 duplicate; closed to 2026-01-01 01:00:00Z; 1 point waits for its window to close',
  );
  expect(stdout).toMatch(/^ +1 {2}row of 1 min 00 s, 0 open$/m);
});

test('a run that goes on with an interrupted one does not call that one’s files held', async () => {
  const controller = new AbortController();
  let interrupts = true;
  await using home = await metrics(startMs, '1h', {
    signal: () => (interrupts ? controller.signal : new AbortController().signal),
    onStderr: (text) => {
      if (text.includes('prepare')) controller.abort();
    },
  });
  const file = await points(home, 'a.csv', startMs + 1);
  expect((await home.run('run', file, ...first)).code).toBe(130);
  interrupts = false;
  const { stdout, stderr } = await ok(home, 'run', file, ...first);
  expect(stdout).toMatch(/^published /);
  expect(stderr).not.toContain('held');
});

test('a table that is not named is asked for by what the pipeline has, and a resume without a run to finish says so', async () => {
  await using home = await metrics();
  await ok(home, 'run', await points(home, 'a.csv', startMs + 1), ...first);
  await ok(home, 'run', await points(home, 'b.csv', startMs + hour + 1), ...second);
  expect((await home.run('show')).stderr).toContain('rollups');
  expect((await home.run('resume')).stderr).toContain('no run is unfinished');
});

test('of several batches what to type next is told once, as it must be typed', async () => {
  await using home = await metrics(startMs, '1h', {
    variables: { npm_lifecycle_event: 'partwise' },
  });
  await ok(home, 'run', await points(home, 'a.csv', startMs + 1), ...first);
  const until = ['--until', time(startMs + 4 * hour)] as const;
  const caughtUp = await ok(
    home,
    'run',
    await points(home, 'b.csv', startMs + hour + 1),
    ...second.slice(0, 2),
    ...until,
  );
  expect(caughtUp.stdout.match(/^published/gm)).toHaveLength(3);
  expect(caughtUp.stdout.match(/^next/gm)).toHaveLength(1);
  const replayed = await ok(home, 'replay', '--from-batch', '1', '--to-batch', '2');
  expect(replayed.stdout).not.toContain('switch');
  expect(replayed.stdout).toMatch(
    /batches 1 to 2 were replayed\nbatch 3 is not on main any more\nnext {3}npm run partwise -- replay --from-batch 3\n$/,
  );
});

test('a batch that refused a file says how to do it again with the file mended, in time', async () => {
  await using home = await metrics();
  await ok(home, 'run', await points(home, 'a.csv', startMs + 1), ...first);
  await writeFile(join(home.path, 'b.csv'), 'who,what\n');
  const { stdout } = await ok(home, 'run', 'b.csv', ...second);
  expect(stdout).toContain('next   partwise replay --from-batch 1 --also FILE\n');
  await points(home, 'b.csv', startMs + hour + 1);
  await ok(home, 'replay', '--from-batch', '1', '--also', 'b.csv');
  expect(await published(home)).toEqual([
    [60_000, 1],
    [60_000, 1],
    [3_600_000, 1],
    [3_600_000, 1],
  ]);
});
