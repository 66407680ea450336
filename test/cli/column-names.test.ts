import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Home, newHome } from './harness.ts';
import { ok } from './warehouse.ts';

/** Names that our own statements use for other things: columns of a pipeline may have them all the same. */
const values = [
  'alive newest before after changed record d e h f g r s t a b c i j l o p q w x tail head near known own stored',
  'row_no first last path pos place drawn ranked old is_set is_own is_insert n_row d_row earlier lat_month src',
  'kind narrow latest summary tombstones facts accepted checked repeated surplus expected rest shown bounds beside',
  'old_month newest_alive probe row file value values location version key month count sum hash list range year',
]
  .join(' ')
  .split(' ');

async function site(): Promise<Home> {
  const home = await newHome();
  const rows = (months: readonly string[], version: string) =>
    [
      ['k', 'm', 'n', ...values].join(','),
      ...months.flatMap((month) =>
        [1, 2, 3].map((key) =>
          [key, month, version, ...values.map((_, index) => key * 100 + index)].join(','),
        ),
      ),
      '',
    ].join('\n');
  await writeFile(join(home.path, 'first.csv'), rows(['2026-01', '2026-03'], '2026-04-01 00:00:00'));
  await writeFile(join(home.path, 'late.csv'), rows(['2026-02', '2026-03'], '2026-04-02 00:00:00'));
  await ok(
    home,
    'init',
    '--from',
    'first.csv',
    '--name',
    'names',
    '--key',
    'k',
    '--month',
    'm',
    '--version',
    'n',
  );
  return home;
}

describe('columns named like what our statements use', () => {
  it('go through every command', async () => {
    await using home = await site();
    await ok(home, 'run', 'first.csv');
    await ok(home, 'run', 'late.csv', '--branch', 'check');
    expect((await ok(home, 'diff', 'summary', 'main', 'check')).stdout).toContain('3');
    await ok(home, 'switch', 'check');
    expect(await home.json('verify')).toMatchObject({ exitCode: 0 });
    expect(await home.json('verify', '--full')).toMatchObject({ exitCode: 0 });
    expect((await ok(home, 'show', 'latest', '--key', '1')).stdout).toContain('alive');
    const sum = await home.json('sql', 'SELECT count(*), sum(alive), sum(newest) FROM summary');
    expect(sum.rows).toEqual([[9, 1800, 1809]]);
    await ok(home, 'maintain');
    expect(await home.json('verify', '--full')).toMatchObject({ exitCode: 0 });
  });

  for (const name of ['filename', 'file_row_number', 'rowid', 'pw_key', 'changed_run', 'bucket']) {
    it(`${name} is kept under another name, and refused where a person writes it`, async () => {
      await using home = await newHome();
      await writeFile(join(home.path, 'a.csv'), `k,m,n,${name}\n1,2026-01,2026-04-01 00:00:00,7\n`);
      await ok(home, 'init', '--from', 'a.csv', '--key', 'k', '--month', 'm', '--version', 'n');
      await ok(home, 'run', 'a.csv');
      expect((await home.json('sql', `SELECT source_${name} FROM latest`)).rows).toEqual([[7]]);
      await ok(home, 'verify', '--full');
      const path = join(home.path, 'pipelines/a.yaml');
      await writeFile(path, (await readFile(path, 'utf8')).replaceAll(`source_${name}`, name));
      const refused = await home.run('run', 'a.csv');
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(`${name} is reserved`)]);
    });
  }
});
