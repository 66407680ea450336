import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exitCodeOf } from '../../lib/cli/exit-codes.ts';
import { runPipeline } from '../../lib/run/local/local.ts';
import { openLocalWorld } from '../../lib/run/local/local-world.ts';
import { loadSummary } from '../support/pipelines.ts';
import { newHome } from './harness.ts';
import { header, ok, warehouse } from './warehouse.ts';

it('a root that cannot be used ends every command that makes one with exit code 8 and what to type', async () => {
  await using home = await newHome();
  await writeFile(join(home.path, 'a.csv'), `${header}1,2026-01,100,2026-02-01 00:00:00\n`);
  await writeFile(join(home.path, 'file'), '');
  for (const root of ['file', 'file/below', '/proc/partwise/root']) {
    const made = await home.run('init', '--from', 'a.csv', '--root', root);
    expect([root, made.code]).toEqual([root, 8]);
    expect(made.stderr).toMatch(
      /^failed the root folder .* cannot be used: .*\nsafe {3}nothing was changed\nnext {3}.*--root DIR/,
    );
  }
  await ok(home, 'init', '--from', 'a.csv');
  for (const command of [['run', 'a.csv'], ['plan', 'a.csv'], ['watch', '--once'], ['demo']] as const) {
    const at = command[0] === 'demo' ? '--into' : '--root';
    const { code, stderr } = await home.run(...command, at, 'file/below');
    expect([command[0], code, stderr]).toEqual([command[0], 8, expect.stringContaining('cannot be used')]);
    expect(stderr).not.toContain('    at ');
  }
  const document = await home.json('run', 'a.csv', '--root', 'file');
  expect(document).toMatchObject({ exitCode: 8, error: { name: 'RootUnusableError' } });
});

it('doctor does not take a root that lost its state for an empty one', async () => {
  await using home = await warehouse();
  await ok(home, 'run', 'first.csv');
  for (const name of ['state.db', 'state.db-wal', 'state.db-shm'])
    await rm(join(home.path, '.partwise', name), { force: true });
  const { code, stdout } = await home.run('doctor');
  expect(code).toBe(1);
  expect(stdout).toMatch(/wrong {2}state +.*state\.db is gone/);
  expect(stdout).not.toContain('nothing in');
});

for (const step of ['leased', 'unit:prepare', 'unit:resolve', 'audited']) {
  it(`a full disk at ${step} fails the run by that name, and the run can be finished`, async () => {
    await using home = await warehouse();
    const config = await loadSummary(join(home.path, 'pipelines/accounts.yaml'));
    let full = true;
    await using world = await openLocalWorld({
      root: join(home.path, '.partwise'),
      step: async (name) => {
        if (full && name === step) await writeFile('/dev/full', 'x');
      },
    });
    const paths = [join(home.path, 'first.csv')];
    const failed = await runPipeline({ world, config, paths }).then(
      (outcome) => outcome.run?.error,
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({ name: 'StorageFullError' });
    expect(exitCodeOf('StorageFullError')).toBe(8);
    full = false;
    await ok(home, ...(step === 'leased' ? ['run', 'first.csv'] : ['resume']));
  });
}
