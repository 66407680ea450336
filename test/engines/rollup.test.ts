import { afterAll, beforeAll, expect, it } from 'vitest';
import { text } from '../../lib/engine/sql.ts';
import { verifyTables } from '../../lib/rollup/audit/verify-tables.ts';
import { localCatalogName } from '../../lib/run/local/local.ts';
import { rollupOracle } from '../oracle/rollup-oracle.ts';
import { expectOracle, rollUpTo, tableOf } from '../rollup/checks.ts';
import { expectMerged, longerWindows, spreadBatches } from '../rollup/longer-windows.ts';
import { openRollup, type RollupProduct } from '../rollup/product.ts';
import { batchOf, pointAt, threeBatches } from '../rollup/scenario.ts';
import { type Engines, enginesOf, type Row } from './driver.ts';

const rules = {
  ...threeBatches.rules,
  quantiles: { accuracyMillionths: 10_000, millionths: [500_000, 990_000] },
};
// Sums beyond 64 bits, and a series whose name wants quoting.
const large = batchOf(3, [
  { ...pointAt(910, 0, 'it\'s "1"'), value: 2n ** 63n - 1n },
  { ...pointAt(920, 0, 'it\'s "1"'), value: 2n ** 63n - 2n },
  { ...pointAt(930, 0, 'it\'s "1"'), value: -(2n ** 63n) },
]);
const fourBatches = [...threeBatches.batches, large];
const last = { ...batchOf(4, [pointAt(1_230, 5), pointAt(1_260, 9)]), flush: true };
const table = `${localCatalogName}.partwise.metrics_rollups`;

let product: RollupProduct;
let engines: Engines;
beforeAll(async () => {
  product = await openRollup({ rules, seed: 2 });
  await rollUpTo(product, fourBatches);
  engines = enginesOf({
    catalogPath: `${product.root}/catalog.db`,
    warehousePath: `${product.root}/warehouse`,
    catalogName: localCatalogName,
  });
});
afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
});

/** Rows as text that every engine can make of them. */
const columns = `CAST(resolution AS string) AS resolution, CAST(unix_millis(window_ts) AS string) AS w, id, org_id, CAST(metric_shard_id AS string) AS shard,
  CAST(\`count\` AS string) AS n, CAST(\`sum\` AS string) AS s, CAST(\`min\` AS string) AS mn, CAST(\`max\` AS string) AS mx,
  CAST(first_value AS string) AS fv, CAST(last_value AS string) AS lv, CAST(increase AS string) AS inc, CAST(resets AS string) AS rs,
  p50, p99, sketch_buckets AS buckets, CAST(sketch_counts AS array<string>) AS counts`;
const sparkRows = () =>
  engines.spark(
    `SELECT ${columns} FROM (SELECT *, to_timestamp(CAST(window_ts AS string)) AS ts FROM ${table}) ORDER BY 1, 2, 3`.replaceAll(
      'unix_millis(window_ts)',
      'unix_millis(ts)',
    ),
  );

function expectedRows(batches: typeof fourBatches): readonly Row[] {
  return rollupOracle(rules, batches)
    .rows.map((row) => ({
      resolution: String(row.resolutionMs),
      w: String(row.windowMs),
      id: row.id,
      org_id: row.orgId,
      shard: String(row.shardId),
      n: String(row.count),
      s: String(row.sum),
      mn: String(row.min),
      mx: String(row.max),
      fv: String(row.firstValue),
      lv: String(row.lastValue),
      inc: String(row.increase),
      rs: String(row.resets),
      p50: row.estimates?.[0],
      p99: row.estimates?.[1],
      buckets: row.sketch?.map(([bucket]) => bucket),
      counts: row.sketch?.map(([, count]) => String(count)),
    }))
    .sort((a, b) => compare(a.resolution, b.resolution) || compare(a.w, b.w) || compare(a.id, b.id));
}
const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

it('Spark reads every row as the oracle has it, sums beyond 64 bits and sketches included', async () => {
  expect(await sparkRows()).toEqual(expectedRows(fourBatches));
});

it('pyiceberg reads one resolution by its partition', async () => {
  const rows = await engines.pyiceberg('partwise.metrics_rollups', { filter: 'resolution = 300000' });
  const { rows: expected } = rollupOracle(rules, fourBatches);
  const coarse = expected.filter((row) => row.resolutionMs === 300_000);
  expect(rows.length).toBe(coarse.length);
  const sum = rows.reduce((total, row) => total + BigInt(String(row['count'])), 0n);
  expect(sum).toBe(coarse.reduce((total, row) => total + row.count, 0n));
  const sketches = (all: readonly (readonly unknown[])[]) => all.map((one) => JSON.stringify(one)).sort();
  expect(sketches(rows.map((row) => [row['p50'], row['sketch_buckets'], row['sketch_counts']]))).toEqual(
    sketches(
      coarse.map(({ estimates, sketch = [] }) => [
        estimates?.[0],
        sketch.map(([bucket]) => bucket),
        sketch.map(([, count]) => Number(count)),
      ]),
    ),
  );
});

it('the next batch goes on after Spark has rewritten the files and expired what it could', async () => {
  await engines.spark(
    `CALL ${localCatalogName}.system.rewrite_data_files(table => '${table}', strategy => 'sort', options => map('rewrite-all', 'true'))`,
  );
  await engines.spark(
    `CALL ${localCatalogName}.system.expire_snapshots(table => '${table}', older_than => TIMESTAMP '2100-01-01 00:00:00', retain_last => 1)`,
  );
  await rollUpTo(product, [last]);
  await expectOracle(product, [...fourBatches, last]);
  const verified = await verifyTables(product.world, product.config);
  expect(verified.checks.filter(({ passed }) => !passed)).toEqual([]);
  await engines.spark(`REFRESH TABLE ${table}`);
  expect(await sparkRows()).toEqual(expectedRows([...fourBatches, last]));
});

it('the documented queries merge sketches into those of days, in Spark and in DuckDB on the table itself', async () => {
  await using merged = await openRollup({ rules: spreadBatches.rules });
  await rollUpTo(merged, spreadBatches.batches);
  const others = enginesOf({
    catalogPath: `${merged.root}/catalog.db`,
    warehousePath: `${merged.root}/warehouse`,
    catalogName: localCatalogName,
  });
  const spark = await longerWindows('spark');
  expectMerged(await others.spark(spark.replace('partwise.metrics_rollups', table)));
  const { metadataLocation } = await tableOf(merged);
  const scan = `iceberg_scan(${text(metadataLocation.replace('file://', ''))})`;
  const duckdb = await longerWindows('duckdb');
  expectMerged(await others.duckdb(duckdb.replace('partwise.metrics_rollups', scan)));
});
