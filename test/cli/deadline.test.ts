import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { balances, ok, warehouse } from './warehouse.ts';

async function withDeadline(deadline: string) {
  const home = await warehouse();
  const path = `${home.path}/pipelines/accounts.yaml`;
  const text = await readFile(path, 'utf8');
  await writeFile(path, `${text}\nwork: {strategy: partitionwise, deadline: ${deadline}}\n`);
  return home;
}

it('a run that passes its deadline ends as any other, and it is said', async () => {
  await using home = await withDeadline('1ms');
  const { stderr } = await ok(home, 'run', 'first.csv');
  expect(stderr).toMatch(/late by .*: the run was to be done within 1ms \(work\.deadline\)/);
  expect(await balances(home)).toHaveLength(3);
  expect((await ok(home, 'status')).stdout).toMatch(/^deadline late by /m);
  const { stdout } = await ok(home, 'plan', 'late.csv');
  expect(stdout).toMatch(/warning: DeadlineNotMet: work\.deadline is 1ms, and the quickest way takes about /);
});

it('a run in time says what it was reckoned to take, and nothing afterwards', async () => {
  await using home = await withDeadline('2h');
  const { stderr } = await ok(home, 'run', 'first.csv');
  expect(stderr).not.toContain('late by');
  expect((await ok(home, 'status')).stdout).not.toMatch(/^deadline/m);
  const planned = await ok(home, 'plan', 'late.csv');
  expect(planned.stdout).toMatch(/deadline 2h: the run takes about /);
});
