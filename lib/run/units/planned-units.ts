import type { Plan, RunContext, UnitItem } from '../workload.ts';
import { readSpecification, stageItems } from './stages.ts';

/** A stage's units with their specifications, as planned; none for a stage that the plan does not have. */
export async function* plannedUnits<Spec>(
  { world }: Pick<RunContext, 'world'>,
  plan: Plan,
  name: string,
): AsyncGenerator<{ readonly item: UnitItem; readonly spec: Spec }> {
  const stage = plan.stages.find((one) => one.name === name);
  if (stage === undefined) return;
  for await (const item of stageItems(world.results, stage.items))
    yield { item, spec: (await readSpecification(world.results, item)) as Spec };
}
