import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newHome } from './harness.ts';

const start = Math.floor((Date.now() - 6 * 3_600_000) / 3_600_000) * 3_600_000;
const pipeline = `pipeline: points
kind: rollup
points: { series: { type: bigint } }
resolutions: [1m, 1h]
batches: { start: '${new Date(start).toISOString()}', every: 1h }
lateness: 0s
`;
const iso = (hours: number) => new Date(start + hours * 3_600_000).toISOString();
const header = 'id,long_value,logical_timestamp,metric_shard_id,org_id,metric\n';
const line = (hour: number, minute: number, value: number) =>
  `7,${value},${start + hour * 3_600_000 + minute * 60_000},1,o,m\n`;

/** Two batches; the second one brings a point of the first one's time, which is too late. */
async function lateHome() {
  const home = await newHome();
  await mkdir(join(home.path, 'pipelines'), { recursive: true });
  await writeFile(join(home.path, 'pipelines', 'points.yaml'), pipeline);
  await writeFile(join(home.path, 'h0.csv'), header + line(0, 10, 10) + line(0, 30, 30));
  await writeFile(join(home.path, 'h1.csv'), header + line(1, 10, 110) + line(0, 20, 25));
  await home.run('run', 'h0.csv', '--arrived', iso(0.5), '--until', iso(1));
  const second = await home.run('run', 'h1.csv', '--arrived', iso(1.5), '--until', iso(2));
  expect(second.stdout).toContain('1 too late');
  return home;
}

async function hours(home: Awaited<ReturnType<typeof newHome>>) {
  const shown = await home.run(
    'sql',
    'SELECT "count", "sum", increase FROM rollups WHERE resolution = 3600000 ORDER BY window_ts',
    '--csv',
  );
  return shown.stdout.trim().split('\n').slice(1);
}

test('dead letters are said, repaired, and then not offered again; the run can be looked at and verified', async () => {
  await using home = await lateHome();
  expect(await hours(home)).toEqual(['2,40,20', '1,110,80']);
  const planned = await home.run('repair', 'points', '--late', '--dry-run');
  expect(planned.code, planned.stderr).toBe(0);
  expect(planned.stdout).toContain('1 point of 1 series, from 1 file of dead letters and 0 further files');
  expect(planned.stdout).toContain('no table was touched');
  expect(await hours(home)).toEqual(['2,40,20', '1,110,80']);

  const repaired = await home.run('repair', 'points', '--late');
  expect(repaired.code, repaired.stderr).toBe(0);
  expect(repaired.stdout).toContain('repaired after batch 1: 1 point of 1 series');
  expect(repaired.stdout).toContain('row of 1 h 00 min: 0 new, 1 with other values; 0 open');
  expect(await hours(home)).toEqual(['3,65,20', '1,110,80']);

  const again = await home.run('repair', 'points', '--late');
  expect(again.code).toBe(0);
  expect(again.stdout).toContain('nothing to repair: no dead letters wait');
  expect((await home.run('status')).stdout).toContain('repaired after batch 1');
  const verified = await home.run('verify');
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
  const whole = await home.run('verify', '--full');
  expect(whole.code, whole.stdout + whole.stderr).toBe(0);
});

test('a file of points is repaired with, once; the next batch goes on from it', async () => {
  await using home = await lateHome();
  await writeFile(join(home.path, 'more.csv'), header + line(1, 10, 111) + line(1, 5, 40));
  const repaired = await home.run('repair', 'points', '--also', 'more.csv', '--json');
  expect(repaired.code, repaired.stderr).toBe(0);
  expect(JSON.parse(repaired.stdout).run.facts.repair.points).toMatchObject({ taken: 2, duplicates: 1 });
  expect(await hours(home)).toEqual(['2,40,20', '2,151,81']);
  const again = await home.run('repair', 'points', '--also', 'more.csv');
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('does not wait');
  await writeFile(join(home.path, 'h2.csv'), header + line(2, 10, 120));
  const next = await home.run('run', 'h2.csv', '--arrived', iso(2.5), '--until', iso(3));
  expect(next.code, next.stderr).toBe(0);
  expect(await hours(home)).toEqual(['2,40,20', '2,151,81', '1,120,9']);
});

test('without the points that are kept a repair is refused by name, holds nothing and stands in no batch’s way', async () => {
  await using home = await lateHome();
  const runs = join(home.path, '.partwise', 'results', 'runs');
  for (const run of await readdir(runs)) await rm(join(runs, run, 'prepare'), { recursive: true });
  await writeFile(join(home.path, 'more.csv'), header + line(0, 30, 31) + line(1, 10, 111));
  const refused = await home.run('repair', 'points', '--also', 'more.csv');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(
    /series 7, 60000 ms to .* is published with 1 point, and the points that are kept make no row/,
  );
  expect(refused.stderr).toContain('partwise replay --from-batch N --also FILE');
  expect(await hours(home)).toEqual(['2,40,20', '1,110,80']);
  const next = await home.run('run', '--until', iso(3));
  expect(next.code, next.stderr).toBe(0);
});

test('a repair that is asked for wrongly says what it needs', async () => {
  await using home = await lateHome();
  const wrong = await home.run('repair', 'rows', '--late');
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("repair does not know 'rows'");
  expect((await home.run('repair', 'points')).stderr).toContain('needs --late or --also FILE');
});
