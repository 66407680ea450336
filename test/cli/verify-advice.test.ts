import { expect, it } from 'vitest';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { writeForeign } from '../summary/foreign-writer.ts';
import { staleArrays } from '../summary/stale-arrays.ts';
import { type LoadedHome, loadedHome } from './loaded-home.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 9, keys: 20, months: 5, changed: 0.3 });

/** Tables in which another writer has left the arrays of these rows stale. */
async function staleHome(rows: string): Promise<LoadedHome> {
  const home = await loadedHome(scenario, { tables: { buckets: 2 }, maintenance: { auto: false } });
  await home.visit(({ world }) =>
    writeForeign(world, 'summary', (all, table) => staleArrays(scenario.shape, all, table, rows)),
  );
  return home;
}

/** Types what `verify --full` says, without --dry-run, and verifies again. */
async function mended(home: LoadedHome, expected: RegExp) {
  const { code, stdout } = await home.run('verify', '--full');
  expect(code).toBe(6);
  const [, ...words] = expected.exec(stdout)?.[1]?.split(' ') ?? [];
  expect(words, stdout).not.toEqual([]);
  expect(stdout).toContain('repair latest --all --dry-run');
  const rebuilt = await home.run(...words);
  expect(rebuilt.code, rebuilt.stderr).toBe(0);
  const again = await home.run('verify', '--full');
  expect(again.code, again.stdout).toBe(0);
}

it('verify --full names the keys to rebuild where few have wrong arrays, which mends them', async () => {
  const { key } = scenario.initial[0]?.normal ?? { key: '' };
  await using home = await staleHome(`r.acct = '${key}'`);
  await mended(home, new RegExp(`^next {3}(partwise rebuild --key ${key}) --dry-run$`, 'm'));
});

it('verify --full names the months to rebuild where many keys have wrong arrays, which mends them', async () => {
  await using home = await staleHome('true');
  await mended(home, /^next {3}(partwise rebuild --month \d{4}-\d\d\.\.\d{4}-\d\d) --dry-run$/m);
});
