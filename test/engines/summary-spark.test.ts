import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localCatalogName } from '../../lib/run/local/local.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import {
  expectedTables,
  expectSucceeded,
  expectTables,
  openProduct,
  type Product,
} from '../summary/product.ts';
import { comparable, readTables } from '../summary/tables.ts';
import { type Engines, enginesOn } from './driver.ts';

const bulk = bulkScenario({
  shape: { ...smallShape, historyLength: 12 },
  seed: 61,
  keys: 60,
  months: 9,
  changed: 0.3,
});
/** Late months first: forward months alone have nothing to apply. */
const scenario = { ...bulk, runs: [1, 2, 0, 4, 3].map((index) => bulk.runs[index] ?? []) };
const document = { tables: { buckets: 2 }, work: { rewrite: 'merge-on-read' }, maintenance: { auto: false } };

let root = '';
let product: Product;
let engines: Engines;
/** What Spark does when the run that is under way reaches a step. */
let meanwhile: { readonly step: string; readonly action: () => Promise<void> } | undefined;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'partwise-spark-'));
  product = await openProduct({
    shape: scenario.shape,
    document,
    root,
    step: async (name) => {
      if (meanwhile?.step !== name) return;
      const { action } = meanwhile;
      meanwhile = undefined;
      await action();
    },
  });
  await bulkLoad(product, scenario.initial);
  engines = enginesOn(root);
});
afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** The whole name: a first part that names a catalog is taken for it. */
const summary = `${localCatalogName}.partwise.proof_summary`;
const latest = `${localCatalogName}.partwise.proof_latest`;

async function compact(table: string): Promise<void> {
  const [report] = await engines.spark(
    `CALL ${localCatalogName}.system.rewrite_data_files(table => '${table}', options => map('rewrite-all', 'true'))`,
  );
  expect(Number(report?.rewritten_data_files_count)).toBeGreaterThan(0);
}

async function playRun(index: number): Promise<void> {
  await product.drop(scenario.runs[index] ?? []);
  expectSucceeded(await product.run());
  expect(meanwhile).toBeUndefined();
  await expectTables(product, expectedTables(scenario, index + 1));
}

describe('a run whose tables Spark touches', () => {
  it('is right after Spark compacted summary between resolve and apply', async () => {
    meanwhile = { step: 'unit:apply', action: () => compact(summary) };
    await playRun(0);
  });

  it('is right after Spark compacted both tables between apply and publish', async () => {
    meanwhile = {
      step: 'audited',
      action: async () => {
        await compact(summary);
        await compact(latest);
      },
    };
    await playRun(1);
  });

  it('is right after Spark compacted summary and expired snapshots between two runs', async () => {
    await compact(summary);
    for (const table of [summary, latest]) {
      await engines.spark(
        `CALL ${localCatalogName}.system.expire_snapshots(table => '${table}', older_than => TIMESTAMP '2999-01-01 00:00:00', retain_last => 1)`,
      );
    }
    await playRun(2);
  });

  it('is right after Spark expired the snapshot that the plan was pinned to', async () => {
    meanwhile = {
      step: 'unit:apply',
      action: async () => {
        await compact(summary);
        await engines.spark(
          `CALL ${localCatalogName}.system.expire_snapshots(table => '${summary}', older_than => TIMESTAMP '2999-01-01 00:00:00', retain_last => 1)`,
        );
      },
    };
    await playRun(3);
  });

  it("keeps a foreign MERGE's rows that it does not concern, in between two runs", async () => {
    await engines.spark(
      `MERGE INTO ${summary} AS t USING (SELECT acct, as_of FROM ${summary} WHERE base_ts IS NULL) AS s ON t.acct = s.acct AND t.as_of = s.as_of WHEN MATCHED THEN DELETE`,
    );
    await playRun(4);
  });

  it('leaves tables in which Spark finds the same rows', async () => {
    const stored = comparable(scenario.shape, await readTables(product.world));
    const [counts] = await engines.spark(
      `SELECT count(*) AS n, count(DISTINCT acct, as_of) AS keys, sum(size(balance_history)) AS entries FROM ${summary}`,
    );
    expect(counts).toEqual({
      n: stored.summary.length,
      keys: stored.summary.length,
      entries: stored.summary.length * 12,
    });
    const histories = await engines.spark(
      `SELECT acct, as_of, CAST(balance_history AS array<string>) AS balance_history FROM ${summary}`,
    );
    const text = (entries: unknown) =>
      (entries as readonly unknown[]).map((entry) => (entry === null ? null : String(entry)));
    const ours = stored.summary.map((row) => JSON.stringify([row.key, row.arrays.balance])).sort();
    expect(histories.map((row) => JSON.stringify([row.acct, text(row.balance_history)])).sort()).toEqual(
      ours,
    );
  });
});
