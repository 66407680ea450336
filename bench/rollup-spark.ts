import { rm } from 'node:fs/promises';
import { createTableView } from '../lib/cli/views.ts';
import { openDuckDb } from '../lib/engine/duckdb.ts';
import { text } from '../lib/engine/sql.ts';
import { currentSnapshot, loadTable } from '../lib/iceberg/index.ts';
import { localCatalogName, openLocalWorld } from '../lib/run/local/local.ts';
import { jarsFolder, pythonPath, setUp } from '../test/engines/setup.ts';
import { cache, threads } from './base.ts';
import { measureChild, measureProcess, mega, type Usage } from './measure.ts';
import { benchPoints, benchShape, latenessMs, pointsOf, resolutionsMs } from './rollup-data.ts';

/**
 * Spark with Iceberg on two cores over the points of the rollup benchmark: the old plan, its optimisation as it was
 * proposed, and that with the coarser resolutions made from the finer ones. What Spark publishes is compared with the
 * bare cascade; last values and increases are not, since points of one time have no order there.
 */
const kinds = ['as-it-was', 'optimised', 'optimised-two-stage'] as const;
const root = `${cache}/rollup-spark`;
const driverMemory = '6g';

interface SparkUsage extends Usage {
  /** From the session's being ready to the last commit. */
  readonly workSeconds: number;
  readonly steps: Readonly<Record<string, number>>;
}

/** @throws when Python, Java or Maven is missing, or when Spark's rows are not those of the cascade */
export async function rollupSparkBench(filters: readonly string[]): Promise<void> {
  const words = filters.filter((word) => !/^\d+$/.test(word));
  const chosen = kinds.filter((kind) => words.length === 0 || words.includes(kind));
  if (chosen.length === 0) return;
  setUp();
  const count = pointsOf(filters, 20_000_000);
  const points = await benchPoints(count);
  const { startMs, batchMs } = benchShape(count);
  const closedMs = startMs + batchMs - latenessMs;
  const folder = `${cache}/rollup-limits`;
  await measureChild('child-rollup.ts', { kind: 'cascade', points, folder, threads, memoryBytes: 4e9 });
  console.log(`\n## ${count.toLocaleString('en')} points, Spark on ${threads} cores, ${driverMemory}\n`);
  console.log(
    '| | whole s | without start s | CPU s | peak MB | compute s | prepare s | append s | partial s | rows |',
  );
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|');
  for (const kind of chosen) {
    await rm(root, { recursive: true, force: true });
    // Makes the catalog's tables.
    await (await openLocalWorld({ root }))[Symbol.asyncDispose]();
    const usage = await measureSpark({ kind, points, closedMs });
    const { rows, different } = await compare(`${folder}/cascade.parquet`, closedMs);
    const cells = [
      kind,
      usage.wallSeconds.toFixed(1),
      usage.workSeconds.toFixed(1),
      usage.cpuSeconds.toFixed(1),
      mega(usage.peakBytes),
      ...['compute', 'prepare', 'append', 'partial'].map((step) => usage.steps[step]?.toFixed(1) ?? '-'),
      rows.toLocaleString('en'),
    ];
    console.log(`| ${cells.join(' | ')} |`);
    if (rows === 0 || different > 0)
      throw new Error(`${different} of ${rows} rows differ between Spark and the cascade`);
  }
  await rm(root, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}

function measureSpark(options: {
  readonly kind: (typeof kinds)[number];
  readonly points: string;
  readonly closedMs: number;
}): Promise<SparkUsage> {
  const job = {
    ...options,
    resolutions: resolutionsMs,
    partial: `file://${root}/partial`,
    table: `${localCatalogName}.partwise.rollups`,
    catalogName: localCatalogName,
    catalogPath: `${root}/catalog.db`,
    warehouse: `file://${root}/warehouse`,
    jars: jarsFolder,
    driverMemory,
  };
  return measureProcess<SparkUsage>({
    command: pythonPath,
    args: [`${import.meta.dirname}/rollup-spark.py`, JSON.stringify(job)],
    env: {
      PYTHONPATH: `${import.meta.dirname}/../test/engines`,
      PYTHONDONTWRITEBYTECODE: '1',
      SPARK_LOCAL_IP: '127.0.0.1',
    },
    stderr: 'pipe',
  });
}

/** Published rows of Spark beside the cascade's rows of closed windows. */
async function compare(
  cascade: string,
  closedMs: number,
): Promise<{ readonly rows: number; readonly different: number }> {
  await using world = await openLocalWorld({ root });
  const table = await loadTable({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: { namespace: 'partwise', name: 'rollups' },
  });
  await using session = await openDuckDb({ memoryBytes: 4e9, threads, workFolder: `${cache}/compare-work` });
  const snapshotId = currentSnapshot(table)?.snapshotId;
  await createTableView({ world, session, table, snapshotId, names: ['spark'] });
  const columns = `resolution, id, epoch_ms(window_ts) AS window_ms,
    hash(org_id, metric, metric_shard_id, count, CAST(sum AS HUGEINT), min, max, epoch_ms(first_ts), epoch_ms(last_ts)) AS all_values`;
  const [counts] = await session.query(`
    SELECT count(spark.id) AS n, count(*) FILTER (spark.all_values IS DISTINCT FROM ours.all_values) AS different
    FROM (SELECT ${columns} FROM spark) AS spark
    FULL JOIN (SELECT ${columns} FROM read_parquet(${text(cascade)}) WHERE epoch_ms(window_ts) <= ${closedMs}) AS ours
    USING (resolution, id, window_ms)`);
  return { rows: Number(counts?.['n']), different: Number(counts?.['different']) };
}
