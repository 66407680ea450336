import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createTableView } from '../../lib/cli/views.ts';
import { parsePipeline, type RollupConfig } from '../../lib/config/index.ts';
import type { SqlRow } from '../../lib/engine/engine.ts';
import { currentSnapshot, loadTable } from '../../lib/iceberg/index.ts';
import { createOpenWindows } from '../../lib/rollup/provisional.ts';
import { intakeFiles } from '../../lib/run/intake/intake.ts';
import {
  type LocalWorld,
  type LocalWorldOptions,
  openLocalWorld,
  type RunOutcome,
  resumeRun,
  runPipeline,
} from '../../lib/run/local/local.ts';
import type { World } from '../../lib/run/workload.ts';
import { writePointFile } from '../generators/point-files.ts';
import type { PointScenario } from '../generators/points.ts';
import type { OracleBatch, OracleOpenRow, RollupRules } from '../oracle/rollup-oracle.ts';
import type { QuantileRules } from '../oracle/sketch-oracle.ts';

export interface RollupProduct extends AsyncDisposable {
  readonly root: string;
  readonly world: LocalWorld;
  readonly config: RollupConfig;
  readonly rules: RollupRules;
  /** Takes in the batch's files, each at its arrival. */
  arrive(batch: OracleBatch): Promise<void>;
  /** Runs the batch, which must be the next one; whatever the outcome. `work` replaces settings of the pipeline's. */
  run(
    batch: Pick<OracleBatch, 'batch' | 'flush'>,
    options?: { readonly branch?: string; readonly work?: Partial<RollupConfig['work']> },
  ): Promise<RunOutcome>;
  resume(runId: string): Promise<RunOutcome>;
  /** What a reader sees, by resolution, window and series. */
  rows(branch?: string): Promise<readonly OracleOpenRow[]>;
  /** What is open, as `partwise sql` shows it. */
  open(): Promise<readonly OracleOpenRow[]>;
}

export interface RollupProductOptions extends Omit<LocalWorldOptions, 'root'> {
  readonly rules: RollupRules;
  readonly idType?: PointScenario['idType'];
  /** Sections of the pipeline's document that replace the generated ones. */
  readonly document?: Readonly<Record<string, unknown>>;
  readonly root?: string;
  readonly seed?: number;
  /** Stands before the engine of every run. */
  readonly engine?: (engine: LocalWorld['engine']) => LocalWorld['engine'];
}

export async function openRollup(options: RollupProductOptions): Promise<RollupProduct> {
  const { rules, idType = 'string', document, root: given, seed = 1, engine, ...worldOptions } = options;
  const root = given ?? (await mkdtemp(join(tmpdir(), 'partwise-rollup-')));
  const timeType = seed % 2 === 0 ? 'bigint' : 'timestamp';
  const config = await rollupConfig({ rules, idType, timeType, document });
  const opened = await openLocalWorld({ threads: 1, memoryBytes: 2 ** 30, ...worldOptions, root });
  const world = engine === undefined ? opened : { ...opened, engine: engine(opened.engine) };
  const drops = join(root, 'drops');
  return {
    root,
    world,
    config,
    rules,
    arrive: async (batch) => {
      for (const [index, file] of batch.files.entries()) {
        const format = formats[(seed + index) % formats.length] ?? 'parquet';
        // Versions of one key would replace each other, so here they are keys of their own, in the same order.
        const shared = batch.files.some((other) => other !== file && other.key === file.key);
        const path = join(drops, `${file.key}${shared ? `!${file.version}` : ''}.${format}`);
        await writePointFile(path, { points: file.points, idType, timeType, format, seed: seed + index });
        await intakeFiles({
          world,
          config,
          stagingPath: world.stagingPath,
          paths: [path],
          branch: 'main',
          again: false,
          arrivedMs: file.arrivedMs,
        });
      }
    },
    run: (batch, { branch = 'main', work = {} } = {}) =>
      runPipeline({
        world,
        config: { ...config, work: { ...config.work, ...work } },
        branch,
        untilMs: rules.startMs + (batch.batch + 1) * rules.batchMs,
        flush: batch.flush,
      }),
    resume: (runId) => resumeRun({ world, config, runId }),
    rows: (branch = 'main') => readRows(world, branch),
    open: async () => {
      await using session = await world.engine.open({
        memoryBytes: 2 ** 28,
        threads: 1,
        workFolder: `${world.workRoot}/read-open`,
      });
      await createOpenWindows({ world, config, branch: 'main', session, name: 'open_windows' });
      return await readOpenRows(session, 'open_windows');
    },
    [Symbol.asyncDispose]: async () => {
      await world.close();
      if (given === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

const formats = ['parquet', 'csv', 'jsonl', 'csv.gz'] as const;

/** A pipeline by these rules. */
export function rollupConfig(options: {
  readonly rules: RollupRules;
  readonly idType: PointScenario['idType'];
  readonly timeType: 'bigint' | 'timestamp';
  readonly document?: Readonly<Record<string, unknown>> | undefined;
}): Promise<RollupConfig> {
  const { rules, idType, timeType, document } = options;
  return parseRollup(stringify({ ...rollupDocument(rules, idType, timeType), ...document }), 'metrics.yaml');
}

async function parseRollup(yaml: string, name: string): Promise<RollupConfig> {
  const config = await parsePipeline(yaml, name);
  if (config.kind !== 'rollup') throw new TypeError('not a rollup');
  return config;
}

function rollupDocument(
  rules: RollupRules,
  idType: PointScenario['idType'],
  timeType: 'bigint' | 'timestamp',
): Readonly<Record<string, unknown>> {
  const optional = (ms: number | undefined) => (ms === undefined ? null : `${ms}ms`);
  return {
    pipeline: 'metrics',
    kind: 'rollup',
    points: { series: { type: idType }, time: { type: timeType } },
    resolutions: rules.resolutionsMs.map((ms) => `${ms}ms`),
    batches: { start: new Date(rules.startMs).toISOString(), every: `${rules.batchMs}ms` },
    lateness: optional(rules.latenessMs),
    duplicates: rules.duplicates,
    maxGap: optional(rules.maxGapMs),
    maxFuture: optional(rules.maxFutureMs),
    ...(rules.quantiles === undefined ? {} : { quantiles: quantilesDocument(rules.quantiles) }),
    state: { parts: 3 },
    maintenance: { auto: false },
  };
}

function quantilesDocument({ accuracyMillionths, millionths }: QuantileRules) {
  return { relativeAccuracy: accuracyMillionths / 1e6, values: millionths.map((one) => one / 1e6) };
}

/** What a reader of the branch sees. */
export async function readRows(world: World, branch: string): Promise<readonly OracleOpenRow[]> {
  const identifier = { namespace: 'partwise', name: 'metrics_rollups' };
  const table = await loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/read-rows`,
  });
  const snapshotId = currentSnapshot(table, branch)?.snapshotId;
  await createTableView({ world, session, table, snapshotId, names: ['rollups'] });
  return await readOpenRows(session, 'rollups');
}

/** Rows of a relation with the table's columns, as the oracle has them. */
export async function readOpenRows(
  session: Awaited<ReturnType<LocalWorld['engine']['open']>>,
  relation: string,
): Promise<readonly OracleOpenRow[]> {
  const described = await session.query(`DESCRIBE ${relation}`);
  const names = described.map((row) => String(row['column_name']));
  const estimates = names.filter((name) => /^p\d/.test(name));
  const sketch = estimates.length === 0 ? '' : `, ${estimates.join(', ')}, sketch_buckets, sketch_counts`;
  const rows = await session.query(
    `SELECT resolution, epoch_ms(window_ts) AS w, CAST(id AS VARCHAR) AS id, org_id, metric, metric_shard_id, "count" AS n, CAST("sum" AS VARCHAR) AS s,
      "min" AS mn, "max" AS mx, epoch_ms(first_ts) AS ft, first_value AS fv, epoch_ms(last_ts) AS lt, last_value AS lv, CAST(increase AS VARCHAR) AS inc, resets${sketch}
      FROM ${relation} ORDER BY resolution, w, encode(CAST(id AS VARCHAR))`,
  );
  const text = (value: unknown) => (value === null ? null : String(value));
  return rows.map((row) => ({
    resolutionMs: Number(row['resolution']),
    windowMs: Number(row['w']),
    id: String(row['id']),
    orgId: text(row['org_id']),
    metric: text(row['metric']),
    shardId: Number(row['metric_shard_id']),
    count: BigInt(String(row['n'])),
    sum: BigInt(String(row['s'])),
    min: BigInt(String(row['mn'])),
    max: BigInt(String(row['mx'])),
    firstMs: Number(row['ft']),
    firstValue: BigInt(String(row['fv'])),
    lastMs: Number(row['lt']),
    lastValue: BigInt(String(row['lv'])),
    increase: BigInt(String(row['inc'])),
    resets: BigInt(String(row['resets'])),
    ...(estimates.length === 0 ? {} : sketchOf(row, estimates)),
  }));
}

function sketchOf(row: SqlRow, estimates: readonly string[]): Pick<OracleOpenRow, 'sketch' | 'estimates'> {
  const counts = row['sketch_counts'] as readonly unknown[];
  return {
    sketch: (row['sketch_buckets'] as readonly unknown[]).map((bucket, at) => [
      Number(bucket),
      BigInt(String(counts[at])),
    ]),
    estimates: estimates.map((name) => Number(row[name])),
  };
}
