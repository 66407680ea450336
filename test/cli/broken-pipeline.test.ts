import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newHome } from './harness.ts';

const records = 'account_id,month,balance,version\n1,2026-01,5,2\n';

it('sql says what is wrong with the pipeline file when the query wants one of its tables', async () => {
  await using home = await newHome();
  await writeFile(join(home.path, 'mine.csv'), records);
  await home.run('init', '--from', 'mine.csv');
  expect((await home.run('run', 'mine.csv')).code).toBe(0);
  await writeFile(join(home.path, 'pipelines/mine.yaml'), 'pipeline: mine\nkind: summary\nkeys: a\n');
  const { code, stderr } = await home.run('sql', 'SELECT * FROM latest');
  expect(code).not.toBe(0);
  expect(stderr).toContain('keys');
  expect(stderr).toContain('mine.yaml');
  expect(stderr).not.toContain('does not exist');
  const other = await home.run('sql', 'SELECT count(*) AS n FROM runs', '--csv');
  expect([other.code, other.stdout]).toEqual([0, 'n\n1\n']);
  const full = await home.run('sql', 'SELECT count(*) AS n FROM partwise.mine_latest', '--csv');
  expect([full.code, full.stdout]).toEqual([0, 'n\n1\n']);
  const named = await home.run('sql', 'SELECT 1', '--pipeline', 'mine');
  expect(named.code).not.toBe(0);
  expect(named.stderr).toContain('mine.yaml');
});
