import { configDigest } from '../../config/digest.ts';
import { ConfigError } from '../../errors.ts';
import type { Table } from '../../iceberg/index.ts';
import type { Route } from '../../run/engines/route-unit.ts';
import { sha256 } from '../../run/layout.ts';
import { needSpark } from '../../run/spark/use.ts';
import { type PlannedUnit, type WrittenStage, writeStage } from '../../run/units/stages.ts';
import type { Plan } from '../../run/workload.ts';
import { columnsDigest, pinOf } from '../plan/plan.ts';
import { type RepairTables, repairTables } from '../repair/tables.ts';
import { refuseOtherBuckets } from '../tables/other-buckets.ts';
import { findTable } from '../tables/pin-config.ts';
import { type Role, roles } from '../tables/tables.ts';
import type { SummaryContext, SummaryPlanFacts } from '../types.ts';

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
  /** Who runs it, as its specification says, and why; absent where there is no choice. */
  readonly route?: Pick<Route, 'engine' | 'reason'>;
}

interface TaskStage {
  readonly name: string;
  readonly units: Iterable<TaskUnit> | AsyncIterable<TaskUnit>;
}

/** Tells for people which engines the units of a plan have; counts as they pass. */
function engineTally({ world }: SummaryContext) {
  const tallies: { readonly name: string; units: number; readonly reasons: Map<string, number> }[] = [];

  /** @throws SparkMissingError when a unit is Spark's and there is none */
  async function* passing({ name, units }: TaskStage): AsyncGenerator<PlannedUnit> {
    const tally = { name, units: 0, reasons: new Map<string, number>() };
    tallies.push(tally);
    for await (const { route, ...unit } of units) {
      if (route !== undefined) tally.units += 1;
      if (route?.engine === 'spark') {
        needSpark(world);
        tally.reasons.set(route.reason, (tally.reasons.get(route.reason) ?? 0) + 1);
      }
      yield unit;
    }
  }

  /** A line for each stage with units of Spark's. */
  function lines(): readonly string[] {
    return tallies.flatMap(({ name, units, reasons }) => {
      const [most] = [...reasons].sort(([, a], [, b]) => b - a);
      if (most === undefined) return [];
      const sparks = [...reasons.values()].reduce((sum, some) => sum + some, 0);
      const what = tallies.length === 1 ? 'units' : `units of ${name}`;
      return [`engine: ${sparks} of ${units} ${what} by Spark (${most[0]}), all else by DuckDB`];
    });
  }

  return { passing, lines };
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
  const engines = engineTally(context);
  for (const stage of stages)
    written.push(await writeStage(context, stage.name, context.planGeneration, engines.passing(stage)));
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
    explanation: [...told.explanation, ...engines.lines()],
    workload: facts,
  };
  return { ...head, digest: sha256(JSON.stringify(head)) };
}
