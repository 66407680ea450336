import type { PipelineConfig } from '../config/schema.ts';
import { asksForSpark } from '../config/spark.ts';
import { chooseWay, type DeadlinePlan, deadlineOf, mayChoose } from '../run/deadline.ts';
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
  const modelled = new Set<string>(engines.map(({ stage }) => stage));
  const otherSeconds = cost.stages
    .filter(({ name }) => modelled.has(name))
    .reduce((left, { wallSeconds }) => left - wallSeconds, cost.wallSeconds);
  return chooseWay({
    deadline,
    stages: engines.map(({ stage, route, functions, spark }) => ({
      stage,
      routed: route.engine === 'spark' ? spark : functions,
      bySpark: spark,
    })),
    // As the stack has it: without these there is no job of Glue's.
    isFree: asksForSpark(config) && mayChoose(config),
    otherSeconds,
  });
}
