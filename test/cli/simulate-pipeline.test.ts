import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { ok, warehouse } from './warehouse.ts';

/** A home whose only pipeline says this of the work. */
async function withWork(work: string) {
  const home = await warehouse();
  const path = `${home.path}/pipelines/accounts.yaml`;
  await writeFile(path, `${await readFile(path, 'utf8')}\nwork: ${work}\n`);
  return home;
}

it('simulate takes the pipeline that other commands would take, unless the flags are about another kind', async () => {
  await using home = await withWork('{}');
  const own = (await ok(home, 'simulate')).stdout;
  expect(own).toMatch(/^for pipeline accounts in .*accounts\.yaml$/m);
  expect((await ok(home, 'simulate', '--pipeline', 'accounts')).stdout).toBe(own);
  expect((await ok(home, 'simulate', '--rollup', '20M')).stdout).toMatch(/^a batch of 20,000,000 points$/m);
});

it('simulate says what the deadline of the pipeline would have a run choose', async () => {
  await using home = await withWork('{deadline: 12h}');
  expect((await ok(home, 'simulate')).stdout).toMatch(/^deadline 12h: the run takes about .* \(reckoned\)/m);
  await using hasty = await withWork('{deadline: 1m}');
  expect((await ok(hasty, 'simulate')).stdout).toMatch(
    /^warning: DeadlineNotMet: work\.deadline is 1m, and the quickest way takes about /m,
  );
});

it('simulate gives a stage to Spark for the deadline only where the stack has a job for it', async () => {
  const large = ['simulate', '--rows', '2T', '--records', '6B'];
  await using without = await withWork('{deadline: 2h}');
  const told = (await ok(without, ...large)).stdout;
  // One time for the run, wherever it is told.
  const [, took] = / and (\d+ h \d\d min)$/m.exec(told) ?? [];
  expect(told).toMatch(new RegExp(`^warning: DeadlineNotMet: .* about ${took} and `, 'm'));
  expect(told).not.toContain('by Spark; else');
  await using having = await withWork('{deadline: 2h}\naws: {glue: {}}');
  expect((await ok(having, ...large)).stdout).toMatch(new RegExp(` by Spark; else ${took} and `));
});

it('simulate goes by the engine that the pipeline names', async () => {
  await using home = await withWork('{engine: spark}');
  expect((await ok(home, 'simulate')).stdout).toContain('engine of apply: Spark on Glue (configured)');
});
