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
  refuseOtherBuckets(tables.summary, context);
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
  readonly reads?: number;
}

interface TaskStage {
  readonly name: string;
  readonly units: Iterable<TaskUnit> | AsyncIterable<TaskUnit>;
}

/** Gives each unit of a plan its engine, by the configuration alone, and tells for people what was decided. */
function taskRouter({ config, world }: SummaryContext) {
  const routed = { units: 0, sparks: 0, reason: '' };

  /** @throws SparkMissingError when a unit is Spark's and there is none */
  async function* route(units: TaskStage['units']): AsyncGenerator<PlannedUnit> {
    for await (const { reads, ...unit } of units) {
      routed.units += 1;
      const chosen = reads === undefined ? undefined : chooseEngine(config, reads);
      if (chosen?.engine !== 'spark') {
        yield unit;
        continue;
      }
      needSpark(world);
      routed.sparks += 1;
      routed.reason = chosen.reason;
      yield { ...unit, specification: { ...(unit.specification as object), engine: chosen.engine } };
    }
  }

  function lines(): readonly string[] {
    const { units, sparks, reason } = routed;
    return sparks === 0
      ? []
      : [`engine: ${sparks} of ${units} units by Spark (${reason}), all else by DuckDB`];
  }

  return { route, lines };
}

/** What is known once the units are written. */
interface ToldPlan {
  readonly buckets: readonly number[];
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly explanation: readonly string[];
  readonly facts?: Pick<SummaryPlanFacts, 'rewrite'> &
    Partial<Pick<SummaryPlanFacts, 'firstMonth' | 'lastMonth'>>;
}

interface TaskPlanOptions {
  readonly context: SummaryContext;
  readonly tables: TaskTables;
  /** In their order; the name of the first is the strategy's too. */
  readonly stages: readonly [TaskStage, ...TaskStage[]];
  readonly strategyReason: string;
  /** Called after all units were taken. */
  readonly tell: (written: readonly WrittenStage[]) => ToldPlan;
  /** Whether there is something to publish without any unit. */
  readonly evenIfEmpty?: boolean;
}

/** Compressed bytes of wide rows that one core compares and writes in a second. */
const bytesPerSecond = 10e6;

/** A plan of a task, whose units are written as they come. */
export async function taskPlan(options: TaskPlanOptions): Promise<Plan> {
  const { context, tables, stages, evenIfEmpty = false } = options;
  const { config, world, branch } = context;
  const written: WrittenStage[] = [];
  const router = taskRouter(context);
  for (const { name, units } of stages)
    written.push(await writeStage(context, name, context.planGeneration, router.route(units)));
  const told = options.tell(written);
  const facts: SummaryPlanFacts = {
    strategy: 'partitionwise',
    buckets: tables.count,
    firstMonth: 0,
    lastMonth: 0,
    touchedBuckets: told.buckets,
    preparedRows: 0,
    preparedDeletes: 0,
    sampledBuckets: 0,
    ...told.facts,
  };
  const { bytesRead, bytesWritten } = told;
  const isEmpty = written.every(({ units }) => units === 0) && !evenIfEmpty;
  const head = {
    formatVersion: 1 as const,
    runId: context.runId,
    pipeline: config.pipeline,
    configDigest: configDigest(config),
    branch,
    createdMs: world.clock.now(),
    outcome: isEmpty ? ('nothing' as const) : ('work' as const),
    strategy: stages[0].name,
    strategyReason: options.strategyReason,
    pins: roles.map((role) => pinOf(context, role, tables.all.get(role))),
    stages: written,
    estimate: { seconds: bytesRead / bytesPerSecond, bytesRead, bytesWritten, costUsd: undefined },
    explanation: [...told.explanation, ...router.lines()],
    workload: facts,
  };
  return { ...head, digest: sha256(JSON.stringify(head)) };
}
