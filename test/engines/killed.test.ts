import { rm } from 'node:fs/promises';
import { afterAll, expect, it } from 'vitest';
import { newSite, rowsOf } from '../faults/rollup/kill-site.ts';
import { checkpointsOfRun, makeSite, newestRun } from '../faults/site.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { expectedTables, expectTables } from '../summary/product.ts';
import { enginesOn } from './driver.ts';
import { maintainBySpark } from './maintenance.ts';
import { jarsFolder, pythonPath } from './setup.ts';

/** Processes that end by kill -9 while their units are Spark's, and go on in another one with a Spark of its own. */

const withSpark = { PARTWISE_SPARK_PYTHON: pythonPath, PARTWISE_SPARK_JARS: jarsFolder };
const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

const full = bulkScenario({ shape: smallShape, seed: 35, keys: 20, months: 4, changed: 0.3 });
/** One run: late months, corrections and deletes at once. */
const scenario = { ...full, runs: [full.runs.slice(1, 3).flat()] };

it('a run killed after Spark has done a unit is resumed over tables that Spark has maintained since', async () => {
  await using site = await makeSite(scenario, {
    tables: { buckets: 1 },
    work: { engine: 'spark' },
    maintenance: { auto: false },
  });
  await site.visit((product) => product.drop(scenario.runs.flat()));
  const killed = await site.cli(['run'], {
    env: { ...withSpark, PARTWISE_KILL_AT: 'before-checkpoint:apply' },
  });
  expect(killed.signal, killed.stderr).toBe('SIGKILL');
  const run = await newestRun(site);
  const done = await checkpointsOfRun(site, run?.runId ?? '');
  expect(new Set(done.map(({ stage }) => stage))).toEqual(
    new Set(['prepare', 'compiled-resolve', 'resolve', 'compiled-apply']),
  );
  const engines = enginesOn(site.root);
  await maintainBySpark(engines);
  const resumed = await site.cli(['resume', run?.runId ?? ''], { env: withSpark });
  expect(resumed.code, resumed.stderr).toBe(0);
  await site.visit((product) => expectTables(product, expectedTables(scenario)));
});

it('batches of points killed between Spark and its second half end with the rows of an undisturbed run', async () => {
  const words = ['--arrived', '2026-01-01T00:01:00Z', '--until', '2026-01-01T00:15:00Z'];
  const undisturbed = await newSite(folders);
  const ran = await undisturbed('run', 'first.csv', 'second.csv', ...words);
  expect(ran.code, ran.stderr).toBe(0);

  const site = await newSite(folders, { pipeline: 'work: {engine: spark}', env: withSpark });
  const killed = await site.at('finish:rollup', 'run', 'first.csv', 'second.csv', ...words);
  expect(killed.signal, killed.stderr).toBe('SIGKILL');
  const resumed = await site('run', ...words.slice(2));
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(await rowsOf(site)).toEqual(await rowsOf(undisturbed));
});
