import { configDigest } from '../config/digest.ts';
import { ConfigError } from '../errors.ts';
import type { Table } from '../iceberg/index.ts';
import { chooseEngine } from '../run/choose-engine.ts';
import { sha256 } from '../run/layout.ts';
import { needSpark } from '../run/spark-use.ts';
import { type PlannedUnit, type WrittenStage, writeStage } from '../run/stages.ts';
import type { Plan } from '../run/workload.ts';
import { findTable } from './pin-config.ts';
import { columnsDigest, pinOf, refuseOtherBuckets } from './plan.ts';
import { type RepairTables, repairTables } from './repair/tables.ts';
import { type Role, roles } from './tables.ts';
import type { SummaryContext, SummaryPlanFacts } from './types.ts';

/** What the plans of all tasks have in common. */

export interface TaskTables extends RepairTables {
  readonly all: ReadonlyMap<Role, Table | undefined>;
  /** N of the tables' buckets. */
  readonly count: number;
  /** Digest of the columns that files are written with. */
  readonly columns: string;
}

/** @throws TableNotFoundError without a summary, ConfigError when it has another number of buckets than the run */
export async function taskTables(context: SummaryContext): Promise<TaskTables> {
  const { config, world } = context;
  const tables = await repairTables(world, config);
  refuseOtherBuckets(tables.summary, config);
  const count = config.tables.buckets;
  if (count === undefined) throw new ConfigError('tables.buckets is not decided yet');
  const all = new Map<Role, Table | undefined>([
    ['summary', tables.summary],
    ['latest', tables.latest],
    ['tombstones', await findTable(world, config, 'tombstones')],
  ]);
  return { ...tables, all, count, columns: columnsDigest(context, all) };
}

export interface TaskUnit extends PlannedUnit {
  /** Bytes of the files that it opens, where it may be Spark's; undefined for what is DuckDB's alone. */
  readonly reads: number | undefined;
}

/**
 * Gives each unit its engine, by the configuration alone.
 * @throws SparkMissingError when a unit is Spark's and there is none
 */
function routeTask(
  { config, world }: SummaryContext,
  units: readonly TaskUnit[],
): { readonly units: readonly PlannedUnit[]; readonly explanation: readonly string[] } {
  const routed = units.map(({ reads, ...unit }) => ({
    unit,
    chosen: reads === undefined ? undefined : chooseEngine(config, reads),
  }));
  const sparks = routed.filter(({ chosen }) => chosen?.engine === 'spark');
  const [first] = sparks;
  if (first === undefined) return { units: routed.map(({ unit }) => unit), explanation: [] };
  needSpark(world);
  return {
    units: routed.map(({ unit, chosen }) =>
      chosen?.engine === 'spark'
        ? { ...unit, specification: { ...(unit.specification as object), engine: chosen.engine } }
        : unit,
    ),
    explanation: [
      `engine: ${sparks.length} of ${units.length} units by Spark (${first.chosen?.reason}), all else by DuckDB`,
    ],
  };
}

interface TaskPlanOptions {
  readonly context: SummaryContext;
  readonly tables: TaskTables;
  readonly stage: string;
  readonly units: readonly TaskUnit[];
  readonly buckets: readonly number[];
  readonly strategyReason: string;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly explanation: readonly string[];
}

/** Compressed bytes of wide rows that one core compares and writes in a second. */
const bytesPerSecond = 10e6;

/** A plan of one stage, whose name is the strategy's too. */
export async function taskPlan(options: TaskPlanOptions): Promise<Plan> {
  const { context, tables, bytesRead, bytesWritten } = options;
  const { units, explanation } = routeTask(context, options.units);
  const { config, world, branch } = context;
  const stage: WrittenStage = await writeStage(context, options.stage, context.planGeneration, units);
  const facts: SummaryPlanFacts = {
    strategy: 'partitionwise',
    buckets: tables.count,
    firstMonth: 0,
    lastMonth: 0,
    touchedBuckets: options.buckets,
    preparedRows: 0,
    preparedDeletes: 0,
    sampledBuckets: 0,
  };
  const head = {
    formatVersion: 1 as const,
    runId: context.runId,
    pipeline: config.pipeline,
    configDigest: configDigest(config),
    branch,
    createdMs: world.clock.now(),
    outcome: units.length === 0 ? ('nothing' as const) : ('work' as const),
    strategy: options.stage,
    strategyReason: options.strategyReason,
    pins: roles.map((role) => pinOf(context, role, tables.all.get(role))),
    stages: [stage],
    estimate: { seconds: bytesRead / bytesPerSecond, bytesRead, bytesWritten, costUsd: undefined },
    explanation: [...options.explanation, ...explanation],
    workload: facts,
  };
  return { ...head, digest: sha256(JSON.stringify(head)) };
}
