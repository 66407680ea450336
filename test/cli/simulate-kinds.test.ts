import { expect, it } from 'vitest';
import { newHome } from './harness.ts';

it.each([
  [['--rollup', '20M', '--rows', '5B'], '--rows is for a run on a summary table'],
  [['--rollup', '20M', '--months', '12'], '--months is for a run on a summary table'],
  [['--series', '5', '--rows', '5B'], '--series is for a batch of points'],
])('simulate refuses what it would not reckon with: %j', async (words, problem) => {
  await using home = await newHome();
  const { code, stderr } = await home.run('simulate', ...words);
  expect(code).toBe(2);
  expect(stderr).toContain(problem);
});
