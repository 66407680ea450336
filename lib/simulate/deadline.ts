import type { PipelineConfig } from '../config/schema.ts';
import { asksForSpark } from '../config/spark.ts';
import { chooseWay, type DeadlinePlan, deadlineOf, mayChoose } from '../run/engines/deadline.ts';
import type { SimulatedEngine } from './engines.ts';
import type { RunCost } from './run-cost.ts';

interface SimulatedRun {
  readonly cost: Pick<RunCost, 'stages' | 'wallSeconds'>;
  readonly engines: readonly SimulatedEngine[];
}

/** What the pipeline's deadline would have a plan of the run choose; what is not in the engines' model is in functions. */
export function simulateDeadline(
  config: PipelineConfig | undefined,
  { cost, engines }: SimulatedRun,
): DeadlinePlan | undefined {
  const deadline = config === undefined ? undefined : deadlineOf(config);
  if (config === undefined || deadline === undefined) return undefined;
  // Stages in functions take as long as the run's own estimate says, so that there is one time for it.
  const secondsOf = (stage: string) => cost.stages.find(({ name }) => name === stage)?.wallSeconds ?? 0;
  const otherSeconds = engines.reduce((left, { stage }) => left - secondsOf(stage), cost.wallSeconds);
  return chooseWay({
    deadline,
    stages: engines.map(({ stage, route, functions, spark }) => ({
      stage,
      routed: route.engine === 'spark' ? spark : { seconds: secondsOf(stage), usd: functions.usd },
      bySpark: spark,
    })),
    // As the stack has it: without these there is no job of Glue's.
    isFree: asksForSpark(config) && mayChoose(config),
    otherSeconds,
  });
}
