import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newHome } from './harness.ts';

const start = Math.floor((Date.now() - 3 * 3_600_000) / 3_600_000) * 3_600_000;
const pipeline = `pipeline: points
kind: rollup
points: { series: { type: bigint } }
resolutions: [1m, 1h]
batches: { start: '${new Date(start).toISOString()}', every: 1h }
`;
const iso = (hours: number) => new Date(start + hours * 3_600_000).toISOString();
const csv = (hour: number) =>
  `id,long_value,logical_timestamp,metric_shard_id,org_id,metric\n${[10, 20, 30]
    .map((minute) => `7,${hour * 100 + minute},${start + hour * 3_600_000 + minute * 60_000},1,o,m`)
    .join('\n')}\n`;

async function pointsHome() {
  const home = await newHome();
  await mkdir(join(home.path, 'pipelines'), { recursive: true });
  await writeFile(join(home.path, 'pipelines', 'points.yaml'), pipeline);
  for (const hour of [0, 1]) await writeFile(join(home.path, `h${hour}.csv`), csv(hour));
  return home;
}

test('a file waits for the end of its batch; what is due by then is run in order, empty batches too', async () => {
  await using home = await pointsHome();
  const early = await home.run('run', 'h0.csv', '--arrived', iso(0.5), '--until', iso(0.9));
  expect(early.code).toBe(0);
  expect(early.stdout).toContain(`nothing is due: the next batch ends at ${iso(1)}; 1 file wait`);
  const late = await home.run('run', 'h1.csv', '--arrived', iso(1.5), '--until', iso(3), '--json');
  const document = JSON.parse(late.stdout);
  expect(document.run.facts.rollup.batch).toBe(2);
  expect(
    document.earlier.map(
      (one: { run: { facts: { rollup: { batch: number } } } }) => one.run.facts.rollup.batch,
    ),
  ).toEqual([0, 1]);
  const rows = await home.run(
    'sql',
    'SELECT resolution, sum("count") AS n, sum(increase) AS i FROM rollups GROUP BY ALL ORDER BY 1',
    '--csv',
  );
  expect(rows.stdout.trim().split('\n').slice(1)).toEqual(['60000,6,120', '3600000,6,120']);
});

test('a flush is of the last batch that is due when it leaves no file waiting, and of that one alone', async () => {
  await using home = await pointsHome();
  await home.run('run', 'h0.csv', '--arrived', iso(0.5), '--until', iso(0.9));
  const flushed = await home.run(
    'run',
    'h1.csv',
    '--arrived',
    iso(1.5),
    '--until',
    iso(2.5),
    '--flush',
    '--json',
  );
  const { run, earlier } = JSON.parse(flushed.stdout);
  const flushes = [...earlier, { run }].map((one) => [
    one.run.facts.rollup.batch,
    one.run.facts.rollup.flush,
  ]);
  expect(flushes).toEqual([
    [0, false],
    [1, true],
  ]);
  const open = await home.run('sql', 'SELECT count(*) AS n FROM open_windows', '--csv');
  expect(open.stdout.trim().split('\n').at(-1)).toBe('0');
});

test('a flush before its time publishes what waits, and closes nothing that is still to come', async () => {
  await using home = await pointsHome();
  await home.run('run', 'h0.csv', '--arrived', iso(0.5), '--until', iso(0.9));
  const flushed = await home.run(
    'run',
    'h1.csv',
    '--arrived',
    iso(1.2),
    '--until',
    iso(1.25),
    '--flush',
    '--json',
  );
  const { run, earlier } = JSON.parse(flushed.stdout);
  const reports = [...earlier, { run }].map((one) => one.run.facts.rollup);
  expect(reports.map(({ batch, flush }) => [batch, flush])).toEqual([
    [0, false],
    [1, true],
  ]);
  expect(reports[1].watermarkMs).toBe(start + 1.25 * 3_600_000);
  // The largest window that was published: the hour that the newest point, of half past one, lies in.
  expect(reports[1].closedThroughMs).toBe(start + 2 * 3_600_000);
  const rows = await home.run(
    'sql',
    'SELECT sum("count") AS n FROM rollups WHERE resolution = 3600000',
    '--csv',
  );
  expect(rows.stdout.trim().split('\n').at(-1)).toBe('6');
  const early = await home.run('run', '--until', iso(1.9));
  expect(early.stdout).toContain(`the next batch ends at ${iso(3)}`);
});

test('a flush before its time with nothing left to publish begins no batch', async () => {
  await using home = await pointsHome();
  await home.run('run', 'h0.csv', '--arrived', iso(0.5), '--until', iso(0.9), '--flush');
  const again = await home.run('run', '--until', iso(0.9), '--flush');
  expect([again.code, again.stdout]).toEqual([
    0,
    expect.stringContaining(`the next batch ends at ${iso(2)}`),
  ]);
  expect(again.stdout).not.toContain('--flush');
  const waiting = await home.run('run', 'h1.csv', '--arrived', iso(1.2), '--until', iso(1.9));
  expect(waiting.stdout).toMatch(/1 file waits .*--flush.* too late/);
});

test('a first batch of files that the pipeline does not fit is not published, and its files can be run again', async () => {
  await using home = await pointsHome();
  const path = join(home.path, 'pipelines', 'points.yaml');
  await writeFile(
    path,
    pipeline.replace(
      '{ series: { type: bigint } }',
      '{ series: { type: bigint }, value: { from: no_such } }',
    ),
  );
  const failed = await home.run('run', 'h0.csv', '--arrived', iso(0.5), '--until', iso(1), '--json');
  expect(failed.code).toBe(5);
  const { run } = JSON.parse(failed.stdout);
  expect(run.error).toMatchObject({
    name: 'PoisonInputError',
    message: expect.stringMatching(/first batch could be used \(.*h0\.csv: .*no_such/),
  });
  expect((await home.run('cancel', run.runId)).code).toBe(0);
  await writeFile(path, pipeline);
  expect((await home.run('run', '--until', iso(1))).code).toBe(0);
  const rows = await home.run(
    'sql',
    'SELECT sum("count") AS n FROM rollups WHERE resolution = 60000',
    '--csv',
  );
  expect(rows.stdout.trim().split('\n').at(-1)).toBe('3');
});

test('the flags of batches are refused where there are none, and a time must be one', async () => {
  await using home = await pointsHome();
  const wrong = await home.run('run', '--until', 'tomorrow');
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('2026-01-31T06:00:00Z');
});

test('watch runs batches when they end, also without files', async () => {
  await using home = await pointsHome();
  await home.run('run', 'h0.csv', '--arrived', iso(0.5), '--until', iso(0.9));
  const watched = await home.run('watch', '--once', '--interval', '1', '--json');
  expect(watched.code).toBe(0);
  const batches = watched.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).run.facts.rollup.batch);
  expect(batches.slice(0, 3)).toEqual([0, 1, 2]);
});
