import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { bulkScenario } from '../generators/bulk.ts';
import { pipelineDocument, smallShape } from '../generators/shape.ts';
import { makeForeign } from '../summary/foreign-table.ts';
import { writeForeign } from '../summary/foreign-writer.ts';
import { staleArrays } from '../summary/stale-arrays.ts';
import { type LoadedHome, loadedHome } from './loaded-home.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 9, keys: 20, months: 5, changed: 0.3 });
const document = { tables: { buckets: 2 }, maintenance: { auto: false } };

let home: LoadedHome;

beforeAll(async () => {
  home = await loadedHome(scenario, document);
});
afterAll(() => home[Symbol.asyncDispose]());

it('repair latest tells per bucket what deviates, mends it, and says when there is nothing to do', async () => {
  const { key } = scenario.initial[0]?.normal ?? { key: '' };
  await home.visit(({ world }) =>
    writeForeign(world, 'latest', (rows) => `SELECT * FROM ${rows} WHERE acct <> '${key}'`),
  );
  const look = await home.run('repair', 'latest', '--dry-run');
  expect(look.code).toBe(0);
  expect(look.stdout).toMatch(/another writer changed rows of partwise\.proof_latest in snapshot \d+/);
  const verified = await home.run('verify', '--full');
  expect(verified.code).toBe(6);
  expect(verified.stdout).toContain('repair latest --all --dry-run');
  expect(look.stdout).toContain(`key ${key}: missing in latest`);
  expect(look.stdout).toContain('1 bucket would be written anew');

  const repaired = await home.run('repair', 'latest');
  expect(repaired.code, repaired.stderr).toBe(0);
  expect(repaired.stdout).toMatch(/^published proof-/);
  expect(repaired.stdout).toContain('keys were missing in latest');
  expect(repaired.stdout).toContain('1 bucket written anew');
  const [, runId = ''] = /published (\S+)/.exec(repaired.stdout) ?? [];
  expect((await home.run('verify', runId)).stdout).toContain(`verified ${runId}`);
  expect((await home.run('status', runId)).stdout).toMatch(/repair +2\/2/);

  const nothing = await home.run('repair', 'latest', '--all');
  expect(nothing.stdout).toContain('nothing was committed');
  expect((await home.run('repair', 'latest', '--all', '--dry-run')).stdout).toContain(
    'latest is what summary says',
  );
});

it('repair refuses what it does not know', async () => {
  const word = await home.run('repair', 'lates');
  expect(word.code).toBe(2);
  expect(word.stderr).toContain("repair does not know 'lates'; did you mean latest");
  expect((await home.run('repair', 'latest', '--bucket', 'x')).code).toBe(2);
  expect((await home.run('repair', 'latest', '--bucket', '1', '--all')).code).toBe(2);
  const far = await home.run('repair', 'latest', '--bucket', '7');
  expect(far.stderr).toContain('there are 2, from 0 to 1');
  expect(far.code).toBe(2);
});

it('repair latest --sql shows the statements of a bucket, by the engine that would do it, and does nothing', async () => {
  const told = await home.run('repair', 'latest', '--all', '--sql');
  expect(told.code, told.stderr).toBe(0);
  expect(told.stdout).toMatch(/statements of repair\/b\d+, DuckDB:/);
  expect(told.stdout).toMatch(/^CREATE OR REPLACE TEMP TABLE pw_deviating AS$/m);
  const withSpark = { ...document, work: { engine: 'spark' } };
  await writeFile(home.pipeline, stringify(pipelineDocument(scenario.shape, withSpark)));
  const theirs = await home.run('repair', 'latest', '--all', '--sql');
  expect(theirs.stdout).toMatch(/statements of repair\/b\d+, Spark:/);
  expect(theirs.stdout).toMatch(/^CACHE TABLE pw_due AS$/m);
  expect(theirs.stdout).not.toMatch(/list_concat|::|TEMP TABLE/);
  await writeFile(home.pipeline, stringify(pipelineDocument(scenario.shape, document)));
});

it('rebuild shows old and new arrays, recomputes them, and says when there is nothing to do', async () => {
  await home.visit(({ world }) =>
    writeForeign(world, 'summary', (rows, table) => staleArrays(scenario.shape, rows, table, 'true')),
  );
  const look = await home.run('rebuild', '--month', '2025-01..2026-02', '--dry-run', '--sample', '1');
  expect(look.code, look.stderr).toBe(0);
  expect(look.stdout).toMatch(/rows in which balance_history is wrong/);
  expect(look.stdout).toMatch(/ {4}old \[.*\]\n {4}new \[/);
  expect(look.stdout).toMatch(/rows would be rewritten/);

  const rebuilt = await home.run('rebuild', '--month', '2025-01..2026-02');
  expect(rebuilt.code, rebuilt.stderr).toBe(0);
  expect(rebuilt.stdout).toContain('rows whose arrays were wrong');
  const [, runId = ''] = /published (\S+)/.exec(rebuilt.stdout) ?? [];
  expect((await home.run('verify', runId)).stdout).toContain(`verified ${runId}`);
  expect((await home.run('verify', '--full')).code).toBe(0);
  expect((await home.run('rebuild', '--month', '2025-01..2026-02')).stdout).toContain(
    'nothing was committed',
  );
  const dry = await home.run('rebuild', '--key', scenario.initial[0]?.normal.key ?? '', '--dry-run');
  expect(dry.stdout).toContain('every array is right');
});

it('rebuild refuses what names no rows', async () => {
  for (const wrong of [[], ['--month', '2025-13'], ['--month', '2025-02..2025-01'], ['--month', 'may']])
    expect((await home.run('rebuild', ...wrong)).code).toBe(2);
});

it('adopt says what stands between a table and the next run, and takes it over with --apply only', async () => {
  await home.visit(({ world }) => makeForeign(world, 'summary'));
  const look = await home.run('adopt');
  expect(look.code, look.stderr).toBe(0);
  expect(look.stdout).toMatch(/^ok +summary columns +\d+ columns by name and type/m);
  expect(look.stdout).toMatch(/^set +summary properties +partwise\.history-length = 6/m);
  expect(look.stdout).toContain('can be adopted as it is\nnext   partwise adopt --apply');
  expect((await home.run('adopt')).stdout).toBe(look.stdout);
  const applied = await home.run('adopt', '--apply');
  expect(applied.code, applied.stderr).toBe(0);
  expect(applied.stdout).toContain('adopted: the next run goes on from these tables');
  expect((await home.run('adopt')).stdout).not.toMatch(/^set/m);

  await home.visit(({ world }) => makeForeign(world, 'summary', { monthsOnly: true }));
  const told = await home.run('adopt');
  expect(told.code).toBe(6);
  expect(told.stdout).toContain('CREATE TABLE `partwise`.`partwise`.`proof_summary_adopted` USING iceberg');
  const refused = await home.run('adopt', '--apply');
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain('cannot be adopted as they are: the table is partitioned by');
  expect((await home.run('adopt', '--apply', '--dry-run')).code).toBe(2);
});
