import { readdir, readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { openProduct } from '../summary/product.ts';
import { rebucket } from '../summary/rewritten.ts';
import { loadedHome } from './loaded-home.ts';

/** A pipeline file, and tables of another number of buckets than it says. */

const scenario = bulkScenario({ shape: smallShape, seed: 9, keys: 8, months: 3, changed: 0.3 });
const documentOf = (buckets: number) => ({ tables: { buckets }, maintenance: { auto: false } });
const madeWith = (buckets: number) => loadedHome(scenario, documentOf(buckets));

it('doctor names a pipeline file that says another number of buckets than the tables have', async () => {
  await using home = await madeWith(2);
  expect((await home.run('doctor')).code).toBe(0);
  const text = await readFile(home.pipeline, 'utf8');
  await writeFile(home.pipeline, text.replace('buckets: 2', 'buckets: 6'));
  const { code, stdout } = await home.run('doctor');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^wrong {2}pipeline +tables\.buckets: partwise\.proof_summary has 2, the pipeline says 6$/m,
  );
  expect(stdout).toMatch(/next {3}write buckets: 2 under tables in the pipeline file/);
});

it('a rebucket that is resumed says what to write in the pipeline file, as one that was not', async () => {
  await using home = await madeWith(2);
  await using failing = await openProduct({
    shape: smallShape,
    document: documentOf(2),
    root: `${home.path}/.partwise`,
    step: async (name) => {
      if (name === 'audited') throw new TypeError('died');
    },
  });
  expect((await rebucket(failing, 4)).run?.status).toBe('failed');
  const { code, stdout, stderr } = await home.run('resume');
  expect(code, stderr).toBe(0);
  expect(stdout).toContain(
    `       write buckets: 4 under tables in ${home.pipeline}, or leave the line out: it says 2\n`,
  );
  expect(stdout.match(/^next /gm)).toHaveLength(1);
});

it('verify of a run, and of all, leaves nothing in the work folder', async () => {
  await using home = await madeWith(2);
  expect((await home.run('rebucket', '--buckets', '4')).code).toBe(0);
  for (const words of [['verify'], ['verify', '--full']]) {
    const { code, stdout } = await home.run(...words);
    expect(code, stdout).toBe(0);
    expect(await readdir(`${home.path}/.partwise/work`)).toEqual([]);
  }
});

it('a rebucket to the number that the tables have says that they have it', async () => {
  await using home = await madeWith(2);
  const { code, stdout } = await home.run('rebucket', '--buckets', '2');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^nothing to do: the tables have 2 buckets already/);
});
