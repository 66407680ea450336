import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Home, newHome } from './harness.ts';

/** The deletions feed as a person uses it, with the pipeline that the documentation shows. */

const documentation = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));

async function warehouse(): Promise<Home> {
  const home = await newHome();
  const text = await readFile(documentation, 'utf8');
  const snippet = /```yaml\n(# pipelines\/closings\.yaml\n[\s\S]*?)```/.exec(text)?.[1];
  expect(snippet).toBeDefined();
  await put(home, 'pipelines/closings.yaml', snippet ?? '');
  await put(
    home,
    'records.csv',
    'account_id,month,updated_at,balance,closed_on,delete_code\n' +
      '1,2026-01,2026-02-01 00:00:00,100,,\n1,2026-02,2026-03-01 00:00:00,110,,4\n1,2026-02,2026-02-15 00:00:00,120,,\n' +
      '2,2026-01,2026-02-01 00:00:00,200,2026-01-10,\n',
  );
  return home;
}

async function put(home: Home, name: string, text: string): Promise<string> {
  const path = join(home.path, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const feedFile = (...lines: readonly string[]) => `account,closed_on,reason,sent_at\n${lines.join('\n')}\n`;
const closings = feedFile(
  '1,2026-02-20,7,2026-03-02 00:00:00',
  '2,2026-01-31,7,2026-03-02 00:00:00',
  '3,2026-01-05,1,2026-03-02 00:00:00',
);

async function shown(home: Home) {
  const { rows } = await home.json(
    'sql',
    'SELECT account_id, month, closed_on, delete_code, balance_history[1:2] FROM summary ORDER BY ALL',
  );
  return rows;
}

const before = [
  [1, '2026-01', null, null, [100, null]],
  [1, '2026-02', null, '4', [120, 100]],
  [2, '2026-01', '2026-01-10', null, [200, null]],
];
const after = [
  [1, '2026-01', null, null, [100, null]],
  [1, '2026-02', '2026-02-20', '7', [120, 100]],
  [2, '2026-01', '2026-01-31', '7', [200, null]],
];

async function succeed(home: Home, ...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await home.run(...argv);
  expect(code, `${argv.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

describe('the deletions feed on the command line', () => {
  it('is named with --deletions, in run and in plan, and counted in the status', async () => {
    await using home = await warehouse();
    await put(home, 'closed.csv', closings);
    await succeed(home, 'run', 'records.csv');
    expect(await shown(home)).toEqual(before);
    const planned = await home.json('plan', '--deletions', 'closed.csv');
    const { run } = planned as { readonly run: { readonly runId: string } };
    expect(await shown(home)).toEqual(before);
    await succeed(home, 'run', '--plan', run.runId);
    expect(await shown(home)).toEqual(after);
    const status = await succeed(home, 'status', run.runId);
    expect(status).toMatch(/deletions feed: record of a stored month +2/);
    expect(status).toMatch(/deletions feed: record of a month that is not stored, kept for it +1/);
    expect(status).toMatch(/\(feed overrides\) +2/);
    await succeed(home, 'verify', run.runId);
    await succeed(home, 'maintain', 'compact');
    expect(await shown(home)).toEqual(after);
    await succeed(home, 'verify', '--full');
    const tombstones = await home.json('show', 'tombstones');
    expect(JSON.stringify(tombstones)).toContain('2026-01');
  });

  it('may come before its records, from its staging folder or named in it', async () => {
    await using home = await warehouse();
    const path = await put(home, '.partwise/staging/closings-deletions/closed.csv', closings);
    await succeed(home, 'run', path);
    await succeed(home, 'run', 'records.csv');
    expect(await shown(home)).toEqual(after);
  });

  it('is watched in the staging folder, and in a folder of its own', async () => {
    await using home = await warehouse();
    await put(
      home,
      '.partwise/staging/closings/records.csv',
      await readFile(join(home.path, 'records.csv'), 'utf8'),
    );
    await put(home, '.partwise/staging/closings-deletions/closed.csv', closings);
    await succeed(home, 'watch', '--once', '--interval', '1');
    expect(await shown(home)).toEqual(after);
    await put(home, 'drops/none.txt', 'account_id,month,updated_at,balance,closed_on,delete_code\n');
    await put(home, 'drops/closed/later.csv', feedFile('2,2026-01-02,7,2026-03-03 00:00:00'));
    await succeed(home, 'watch', 'drops', '--deletions', 'drops/closed', '--once', '--interval', '1');
    expect(await shown(home)).toEqual([...after.slice(0, 2), before[2]]);
  });

  it('is told from the records: a file keeps its feed, and a pipeline without one takes none', async () => {
    await using home = await warehouse();
    await put(home, 'closed.csv', closings);
    await succeed(home, 'run', '--deletions', 'closed.csv');
    const again = await home.run('run', 'closed.csv');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('a file of the feed deletions')]);
    const pipeline = join(home.path, 'pipelines/closings.yaml');
    await writeFile(pipeline, (await readFile(pipeline, 'utf8')).replace(/^deletions:.*\n/m, ''));
    const none = await home.run('run', '--deletions', 'closed.csv');
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('has no deletions feed')]);
    expect((await home.run('watch', '--deletions', '.')).code).toBe(2);
  });
});
