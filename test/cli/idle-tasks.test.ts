import { expect, it } from 'vitest';
import { ok, warehouse } from './warehouse.ts';

it('status and verify without a run take the newest that did something, not a task that found all as it must be', async () => {
  await using home = await warehouse();
  const { stdout } = await ok(home, 'run', 'first.csv');
  const [, runId = ''] = /^published (\S+)/.exec(stdout) ?? [];
  expect((await ok(home, 'repair', 'latest', '--all')).stdout).toMatch(/^nothing to do/);
  expect((await home.run('compact', '--bucket', '9')).code).toBe(2);
  expect((await ok(home, 'status')).stdout).toContain(`run      ${runId}\n`);
  expect((await ok(home, 'verify')).stdout).toContain(`verified ${runId}`);
  const { runs } = (await home.json('runs')) as { readonly runs?: readonly { readonly runId: string }[] };
  expect(runs).toHaveLength(3);
  const idle = (await ok(home, 'status', runs?.[1]?.runId ?? '')).stdout;
  expect(idle).toContain(`run      ${runs?.[1]?.runId}\n`);
});
