import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { openLocalWorld } from '../../lib/run/local/local-world.ts';
import { ok, warehouse } from './warehouse.ts';

async function withDeadline(deadline: string) {
  const home = await warehouse();
  const path = `${home.path}/pipelines/accounts.yaml`;
  const text = await readFile(path, 'utf8');
  await writeFile(path, `${text}\nwork: {strategy: partitionwise, deadline: ${deadline}}\n`);
  return home;
}

it('status says by how much a run was late', async () => {
  await using home = await withDeadline('10s');
  await ok(home, 'run', 'first.csv');
  const world = await openLocalWorld({ root: `${home.path}/.partwise` });
  const [run] = await world.state.runs.list('accounts', 1);
  const deadline = { atMs: (run?.endedMs ?? 0) - 90_000, within: '10s' };
  await world.state.runs.update(run?.runId ?? '', { facts: { ...run?.facts, deadline } });
  await world.close();
  expect((await ok(home, 'status')).stdout).toMatch(/^deadline late by 1 min 30 s: .* within 10s/m);
});

it('a run in time says what it was reckoned to take, and nothing afterwards', async () => {
  await using home = await withDeadline('2h');
  const { stderr } = await ok(home, 'run', 'first.csv');
  expect(stderr).not.toContain('late by');
  expect((await ok(home, 'status')).stdout).not.toMatch(/^deadline/m);
  const planned = await ok(home, 'plan', 'late.csv');
  expect(planned.stdout).toMatch(/deadline 2h: the run takes about /);
});
