import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { text } from '../../lib/engine/sql.ts';
import { currentSnapshot } from '../../lib/iceberg/index.ts';
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
import { filesOf, rebucket, withBuckets, wrongIn } from '../summary/rewritten.ts';
import { type Engines, enginesOn } from './driver.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 65, keys: 30, months: 5, changed: 0.3 });
const document = { tables: { buckets: 2 }, maintenance: { auto: false } };
const summary = `${localCatalogName}.partwise.proof_summary`;

let root = '';
let product: Product;
let engines: Engines;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'partwise-rebucketed-'));
  product = await openProduct({ shape: scenario.shape, document, root });
  await bulkLoad(product, scenario.initial);
  expectSucceeded(await rebucket(product, 5));
  engines = enginesOn(root);
});
afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const keysOf = (rows: readonly Readonly<Record<string, unknown>>[]) =>
  rows.map((row) => `${row['acct']} ${row['as_of']} ${row['balance']}`).sort();

describe('a table whose number of buckets was changed', () => {
  it('has the same rows for Spark, pyiceberg and DuckDB, now and before', async () => {
    const { table, data } = await filesOf(product, 'summary');
    const before = table.metadata.snapshots[0]?.snapshotId;
    const now = await engines.spark(`SELECT acct, as_of, CAST(balance AS STRING) AS balance FROM ${summary}`);
    expect(now).toHaveLength(scenario.initial.length);
    const then = await engines.spark(
      `SELECT acct, as_of, CAST(balance AS STRING) AS balance FROM ${summary} VERSION AS OF ${before}`,
    );
    expect(keysOf(then)).toEqual(keysOf(now));
    const pyiceberg = await engines.pyiceberg('partwise.proof_summary');
    expect(keysOf(pyiceberg).length).toBe(now.length);
    const { key = '' } = scenario.initial[0]?.normal ?? {};
    const ofKey = scenario.initial.filter(({ normal }) => normal.key === key).length;
    expect(await engines.pyiceberg('partwise.proof_summary', { filter: `acct = '${key}'` })).toHaveLength(
      ofKey,
    );
    expect(await engines.spark(`SELECT * FROM ${summary} WHERE acct = '${key}'`)).toHaveLength(ofKey);
    const scan = `iceberg_scan(${text(table.metadataLocation)}, snapshot_from_id = ${currentSnapshot(table)?.snapshotId}::UBIGINT)`;
    const duckdb = await engines.duckdb(`SELECT count(*) AS n FROM ${scan}`);
    expect(Number(duckdb[0]?.['n'])).toBe(now.length);
    const [files] = await engines.spark(
      `SELECT count(*) AS n, count(DISTINCT spec_id) AS specs FROM ${summary}.files`,
    );
    expect(files).toEqual({ n: data.length, specs: 1 });
    const [partitions] = await engines.spark(`SELECT count(*) AS n FROM ${summary}.partitions`);
    expect(Number(partitions?.['n'])).toBe(new Set(data.map(({ partition }) => String(partition))).size);
  });

  it('is compacted by Spark, and gone on from by the next run', async () => {
    const [report] = await engines.spark(
      `CALL ${localCatalogName}.system.rewrite_data_files(table => '${summary}', options => map('rewrite-all', 'true'))`,
    );
    expect(Number(report?.['rewritten_data_files_count'])).toBeGreaterThan(0);
    await using next = await withBuckets(product, undefined);
    await next.drop(scenario.runs[0] ?? []);
    expectSucceeded(await next.run());
    await expectTables(product, expectedTables(scenario, 1));
    expect(await wrongIn(product)).toEqual([]);
  });
});
