import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadTable } from '../../lib/iceberg/index.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { tableIdentifier } from '../summary/tables.ts';
import { type LoadedHome, loadedHome } from './loaded-home.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 9, keys: 20, months: 5, changed: 0.3 });
const document = { tables: { buckets: 2 }, maintenance: { auto: false } };

let home: LoadedHome;

beforeAll(async () => {
  home = await loadedHome(scenario, document);
});
afterAll(() => home[Symbol.asyncDispose]());

it('rebucket says what it would rewrite, does it, and says what to change in the pipeline file', async () => {
  const look = await home.run('rebucket', '--buckets', '6', '--dry-run');
  expect(look.code, look.stderr).toBe(0);
  expect(look.stdout).toMatch(/summary +\d+ files in \d+ cells/);
  expect(look.stdout).toContain('2 buckets would become 6');
  expect(look.stdout).toMatch(/to at most \d+ files\nwarning: that is [\d.]+ KB a file/);

  const done = await home.run('rebucket', '--buckets', '6');
  expect(done.code, done.stderr).toBe(0);
  expect(done.stdout).toMatch(/^published proof-/);
  expect(done.stdout).toMatch(/2 buckets became 6: \d+ rows rewritten/);
  expect(done.stdout).toContain('write buckets: 6 under tables in');
  const [, runId = ''] = /published (\S+)/.exec(done.stdout) ?? [];
  const status = (await home.run('status', runId)).stdout;
  expect(status).toMatch(/compare +4\/4/);
  expect(status).toMatch(/rewrite +4\/4/);

  const refused = await home.run('repair', 'latest', '--all', '--dry-run');
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('has 6, the pipeline says 2');
  expect(refused.stderr).toContain('partwise rebucket --buckets 2');

  await writeFile(home.pipeline, (await readFile(home.pipeline, 'utf8')).replace('buckets: 2', 'buckets: 6'));
  expect((await home.run('verify', runId)).stdout).toContain(`verified ${runId}`);
  const latest = await home.run('repair', 'latest', '--all', '--dry-run');
  expect(latest.stdout).toContain('latest is what summary says');
  const full = await home.run('verify', '--full');
  expect(full.code, full.stdout).toBe(0);
  expect((await home.run('rebucket', '--buckets', '6')).stdout).toContain('nothing was committed');
});

it('the tables before a rebucket can be looked at, and compared with those after it', async () => {
  const { key } = scenario.initial[0]?.normal ?? { key: '' };
  const { snapshots, latest } = await home.visit(async ({ world }) => {
    const of = async (role: 'summary' | 'latest') =>
      (
        await loadTable({
          store: world.warehouse,
          catalog: world.catalog,
          identifier: tableIdentifier(role),
        })
      ).metadata.snapshots.map(({ snapshotId }) => String(snapshotId));
    return { snapshots: await of('summary'), latest: await of('latest') };
  });
  const [loaded = ''] = latest;
  const now = await home.run('show', 'latest', '--key', key, '--csv');
  expect(now.code, now.stderr).toBe(0);
  expect((await home.run('show', 'latest', '--key', key, '--csv', '--snapshot', loaded)).stdout).toBe(
    now.stdout,
  );
  const [before = '', after = ''] = snapshots;
  const same = await home.run('diff', 'summary', before, after, '--system');
  expect(same.code, same.stderr).toBe(0);
  expect(same.stdout).toMatch(/no row|same|0 added/);
  const counted = await home.run('sql', 'select count(*) as n from summary');
  expect(counted.stdout).toContain(String(scenario.initial.length));
});

it('compact tells how many cells need it', async () => {
  const look = await home.run('compact', '--dry-run');
  expect(look.stdout, look.stderr).toContain('no cell has too many small files');
  const refused = await home.run('compact', '--month', '2025-13');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('--month needs YYYY-MM');
});

it('rebucket refuses what is no number of buckets', async () => {
  for (const flags of [[], ['--buckets', '0'], ['--buckets', '70000']]) {
    const refused = await home.run('rebucket', ...flags);
    expect(refused.code, flags.join(' ')).not.toBe(0);
    expect(refused.stderr).toMatch(/--buckets|65536/);
  }
});

it('what cannot be done as it was asked for leaves no run that stands in the way', async () => {
  for (const [flags, told] of [
    [['rebucket', '--buckets', '70000'], '65536 buckets'],
    [['compact', '--bucket', '9'], 'there is no bucket 9'],
    [['repair', 'latest', '--bucket', '99'], '99'],
  ] as const) {
    const refused = await home.run(...flags);
    expect(refused.code, flags.join(' ')).toBe(2);
    expect(refused.stderr).toContain(told);
    expect(refused.stderr).not.toContain('partwise resume');
    expect(refused.stderr).toContain('nothing was changed');
  }
  const listed = await home.run('runs', '--json');
  const { runs } = JSON.parse(listed.stdout) as { readonly runs: readonly { readonly status: string }[] };
  expect(runs.filter(({ status }) => status === 'failed')).toEqual([]);
  expect((await home.run('rebucket', '--buckets', '6', '--dry-run')).stdout).toContain('nothing to do');
});
