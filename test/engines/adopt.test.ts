import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { localCatalogName } from '../../lib/run/local/local.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import { adoptTables } from '../../lib/summary/adopt/apply.ts';
import { lookAtAdoption } from '../../lib/summary/adopt/look.ts';
import { monthNumber } from '../../lib/summary/sql/months.ts';
import type { RebuildTask, RepairLatestTask } from '../../lib/summary/tasks/tasks.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectSucceeded, openProduct, type Product } from '../summary/product.ts';
import { comparable, latestDifferences, readTables } from '../summary/tables.ts';
import { type Engines, enginesOn } from './driver.ts';

const full = bulkScenario({
  shape: { ...smallShape, historyLength: 12 },
  seed: 71,
  keys: 40,
  months: 9,
  changed: 0.3,
});
/** Versions above those of the load: which record a deleted row had before, the adopted rows do not tell. */
const scenario = { ...full, runs: [0, 1, 3].map((index) => full.runs[index] ?? []) };
const maintenance = { auto: false };

/** The whole name: a first part that names a catalog is taken for it. */
const namespace = `${localCatalogName}.partwise`;

let root = '';
let made: Product;
let adopted: Product;
let engines: Engines;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'partwise-adopt-'));
  made = await openProduct({ shape: scenario.shape, document: { maintenance }, root });
  await bulkLoad(made, scenario.initial);
  const tables = {
    summary: 'mine_summary',
    latest: 'mine_latest',
    tombstones: 'mine_tombstones',
    buckets: 3,
  };
  adopted = await openProduct({ shape: scenario.shape, document: { maintenance, tables }, root });
  engines = enginesOn(root);
});
afterAll(async () => {
  await adopted?.[Symbol.asyncDispose]();
  await made?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const look = () => lookAtAdoption(adopted.world, adopted.config);
const problems = async () => {
  const { summary, latest } = await look();
  return [...summary, ...latest]
    .filter(({ status }) => status !== 'ok' && status !== 'set')
    .map(({ status, detail }) => `${status}: ${detail}`)
    .join('\n');
};

it('a table by Spark, by months alone and with times of a zone, is told what it lacks, and its rows are found right', async () => {
  await engines.spark(`CREATE TABLE ${namespace}.mine_summary USING iceberg PARTITIONED BY (as_of) AS
    SELECT rating_grid, rating_history, balance_history, opened, status, balance, del_code, tie_1, CAST(base_ts AS TIMESTAMP) AS base_ts, as_of, acct
    FROM ${namespace}.proof_summary`);
  const report = await look();
  const found = await problems();
  expect(found).toContain('rewrite: base_ts is timestamptz, the pipeline makes timestamp of it');
  expect(found).toContain('rewrite: what tells newer records from older ones is not in the table');
  expect(found).toContain(
    'rewrite: the table is partitioned by identity as as_of, not by as_of, bucket[N](acct)',
  );
  expect(found).not.toMatch(/refused|rows with/);
  expect(report.verdict).toBe('rewrite');
});

it('the statement that is told makes a table that is adopted, and runs go on from it as the oracle says', async () => {
  const { statement } = await look();
  expect(statement).toBeDefined();
  await engines.spark(statement ?? '');
  await engines.spark(`ALTER TABLE ${namespace}.mine_summary RENAME TO partwise.before_summary`);
  await engines.spark(`ALTER TABLE ${namespace}.mine_summary_adopted RENAME TO partwise.mine_summary`);
  expect(await problems()).toBe('mend: there is none yet; it is made from summary');
  const { world, config } = adopted;
  const report = await adoptTables(world, config);
  expect(report.afterwards).toEqual(['partwise repair latest --all']);
  const task: RepairLatestTask = { kind: 'repair-latest', buckets: 'all' };
  expectSucceeded(await runTask({ world, config, task }));
  expect((await verifyTables(world, config, { full: true })).checks.filter(({ passed }) => !passed)).toEqual(
    [],
  );
  for (const [index, files] of scenario.runs.entries()) {
    await adopted.drop(files);
    expectSucceeded(await adopted.run());
    const stored = await readTables(world, 'main', 'mine');
    expect(comparable(scenario.shape, stored)).toEqual(expectedTables(scenario, index + 1));
    expect(latestDifferences(stored)).toEqual([]);
  }
  expect((await verifyTables(world, config, { full: true })).passed).toBe(true);
});

it('what Spark did wrong is told by name, refused or mended', async () => {
  const { world, config } = adopted;
  await engines.spark(
    `UPDATE ${namespace}.mine_summary SET balance_history = slice(balance_history, 1, 3) WHERE as_of = '2025-12' AND hash(acct) % 2 = 0`,
  );
  await engines.spark(`DELETE FROM ${namespace}.mine_latest WHERE hash(acct) % 3 = 0`);
  const { afterwards } = await look();
  const found = await problems();
  expect(found).toMatch(/mend: \d+ rows with an array of another length/);
  expect(found).toMatch(/mend: \d+ keys are not what summary says/);
  expect(afterwards).toEqual([
    expect.stringContaining('partwise rebuild --month 2025-12..'),
    'partwise repair latest --all',
  ]);

  await engines.spark(
    `INSERT INTO ${namespace}.mine_summary SELECT * FROM ${namespace}.mine_summary WHERE as_of = '2025-11' LIMIT 1`,
  );
  expect(await problems()).toMatch(
    /refused: 2 rows of a key and month that is there more than once|refused: 1 rows of a key and month/,
  );
  await expect(adoptTables(world, config)).rejects.toMatchObject({ name: 'AdoptionRefusedError' });
  const [twice] = await engines.spark(
    `SELECT acct FROM ${namespace}.mine_summary WHERE as_of = '2025-11' GROUP BY acct HAVING count(*) > 1`,
  );
  await engines.spark(
    `DELETE FROM ${namespace}.mine_summary WHERE as_of = '2025-11' AND acct = '${String(twice?.['acct'])}'`,
  );

  const december = monthNumber('2025-12');
  const rebuild: RebuildTask = { kind: 'rebuild', months: { first: december, last: december } };
  expectSucceeded(await runTask({ world, config, task: rebuild }));
  const repair: RepairLatestTask = { kind: 'repair-latest', buckets: 'all' };
  expectSucceeded(await runTask({ world, config, task: repair }));
  expect((await verifyTables(world, config, { full: true })).checks.filter(({ passed }) => !passed)).toEqual(
    [],
  );
  const [counted] = await engines.spark(
    `SELECT count(*) AS n, count(DISTINCT acct) AS keys FROM ${namespace}.mine_latest`,
  );
  const [keys] = await engines.spark(`SELECT count(DISTINCT acct) AS n FROM ${namespace}.mine_summary`);
  expect(counted).toEqual({ n: keys?.['n'], keys: keys?.['n'] });
});
