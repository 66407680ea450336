import type { PipelineConfig } from '../../config/schema.ts';
import { parseDurationMs } from '../../config/sizes.ts';
import { engineChoice } from '../../config/spark.ts';
import type { ModelledStage } from '../../engine/engine-model.ts';
import { duration } from '../../report/format.ts';
import { workedMs } from '../run-facts.ts';
import type { RunContext } from '../workload.ts';
import type { RoutedUnit } from './engine-facts.ts';
import { type EngineTimes, engineTimes, type TimeAndPrice } from './engine-times.ts';
import type { Route } from './route-unit.ts';

/** By when a run is to be done, and what has to go to Spark for it. Nothing is stopped when the time is over; it is said. */
export interface DeadlinePlan {
  readonly deadline: string;
  /** From the run's start to its end, reckoned, as the units are planned. */
  readonly seconds: number;
  readonly usd: number;
  readonly isMet: boolean;
  /** Stages that Spark runs whole since functions would take too long; empty: none. */
  readonly moved: readonly ModelledStage[];
  /** With no stage moved. */
  readonly unmoved: TimeAndPrice;
}

interface DeadlineOptions {
  /** Units of all stages, routed as if there were no deadline. */
  readonly routed: readonly RoutedUnit[];
  /** Whether Spark could run any of them. */
  readonly mayMove: boolean;
  /** Since the run's start. */
  readonly passedSeconds: number;
}

/** What the units of one stage take and cost: by the engines that they have, and all of them by Spark. */
export interface StageWays {
  readonly stage: ModelledStage;
  readonly routed: TimeAndPrice;
  readonly bySpark: TimeAndPrice;
}

interface ChoiceOptions {
  /** As configured. */
  readonly deadline: string;
  /** They come one after the other. */
  readonly stages: readonly StageWays[];
  /** Whether stages may be given to Spark for it. */
  readonly isFree: boolean;
  /** Of the run, besides the stages. */
  readonly otherSeconds: number;
}

/**
 * Chooses the cheapest way that meets the deadline: units as they are routed, or all units of one or more stages by Spark. Where none
 * does, the quickest.
 */
export function chooseWay({ deadline, stages, isFree, otherSeconds }: ChoiceOptions): DeadlinePlan {
  const limitSeconds = parseDurationMs(deadline) / 1_000;
  const wayOf = (moved: readonly ModelledStage[]) => {
    const parts = stages.map((one) => (moved.includes(one.stage) ? one.bySpark : one.routed));
    const { seconds, usd } = together(parts);
    return { moved, seconds: seconds + otherSeconds, usd };
  };
  const unmoved = wayOf([]);
  const ways = isFree ? subsets(stages.map(({ stage }) => stage)).map(wayOf) : [unmoved];
  const meeting = ways.filter(({ seconds }) => seconds <= limitSeconds);
  const chosen =
    meeting.length > 0
      ? meeting.reduce((best, way) => (way.usd < best.usd ? way : best))
      : ways.reduce((best, way) => (way.seconds < best.seconds ? way : best));
  return { deadline, ...chosen, isMet: meeting.length > 0, unmoved };
}

/**
 * Of planned units; only `work.engine: auto` without `sparkAbove` leaves a choice.
 * @returns undefined without a deadline, or when nothing is known of the units
 */
export function planDeadline<Config extends PipelineConfig>(
  context: Pick<RunContext<Config>, 'world' | 'config'>,
  { routed, mayMove, passedSeconds }: DeadlineOptions,
): DeadlinePlan | undefined {
  const { config } = context;
  const deadline = deadlineOf(config);
  if (deadline === undefined || routed.length === 0) return undefined;
  const times = engineTimes(context);
  const stages = [...Map.groupBy(routed, ({ load }) => load.stage)].map(
    ([stage, units]): StageWays => ({
      stage,
      routed: routedTimes(units, times),
      bySpark: times.spark(units.map(({ load }) => load)),
    }),
  );
  return chooseWay({
    deadline,
    stages,
    isFree: mayMove && mayChoose(config),
    otherSeconds: times.otherSeconds + passedSeconds,
  });
}

/** Whether the configuration leaves the choice of the engine. */
export function mayChoose(config: PipelineConfig): boolean {
  const { engine, sparkAbove } = engineChoice(config);
  return engine === 'auto' && sparkAbove === undefined;
}

/** Of the first attempt; a later one is given the whole time anew. */
export async function secondsSinceStart({
  world,
  runId,
  attempt,
}: Pick<RunContext, 'world' | 'runId' | 'attempt'>): Promise<number> {
  if (attempt > 1) return 0;
  const run = await world.state.runs.get(runId);
  return run === undefined ? 0 : Math.max(0, workedMs(run, world.clock.now())) / 1_000;
}

/** Of a kind that has one. */
export function deadlineOf({ work }: Pick<PipelineConfig, 'work'>): string | undefined {
  return 'deadline' in work ? work.deadline : undefined;
}

/** The route of a unit whose stage was moved; that of the others stays. */
export function movedRoute(plan: DeadlinePlan | undefined, stage: ModelledStage, route: Route): Route {
  if (plan === undefined || route.engine === 'spark' || !plan.moved.includes(stage)) return route;
  return {
    engine: 'spark',
    cause: 'deadline',
    reason: `else the run would take ${duration(plan.unmoved.seconds * 1000)}, and work.deadline is ${plan.deadline}`,
  };
}

/** Of one stage: Spark comes after the functions. */
function routedTimes(units: readonly RoutedUnit[], times: EngineTimes): TimeAndPrice {
  const loadsOf = (engine: Route['engine']) =>
    units.filter(({ route }) => route.engine === engine).map(({ load }) => load);
  return together([times.duckdb(loadsOf('duckdb')), times.spark(loadsOf('spark'))]);
}

function together(parts: readonly TimeAndPrice[]): TimeAndPrice {
  return {
    seconds: parts.reduce((sum, { seconds }) => sum + seconds, 0),
    usd: parts.reduce((sum, { usd }) => sum + usd, 0),
  };
}

/** All choices of some of a few, the one of none first. */
function subsets<T>(of: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: 2 ** of.length }, (_, bits) => of.filter((_one, at) => (bits >> at) % 2 === 1));
}

/** For people; one that is not met is a warning by name. */
export function deadlineLines(plan: DeadlinePlan | undefined): readonly string[] {
  if (plan === undefined) return [];
  const { deadline, seconds, usd, isMet, moved, unmoved } = plan;
  const price = usd === 0 ? '' : ` and $${usd.toFixed(2)} for its units`;
  const takes = `about ${duration(seconds * 1000)}${price} (reckoned)`;
  const instead =
    moved.length === 0
      ? ''
      : `, ${moved.join(' and ')} by Spark; else ${duration(unmoved.seconds * 1000)}${unmoved.usd === 0 ? '' : ` and $${unmoved.usd.toFixed(2)}`}`;
  return [
    isMet
      ? `deadline ${deadline}: the run takes ${takes}${instead}`
      : `warning: DeadlineNotMet: work.deadline is ${deadline}, and the quickest way takes ${takes}${instead}; it runs all the same`,
  ];
}
