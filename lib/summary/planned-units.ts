import { readSpecification, stageItems } from '../run/stages.ts';
import type { Plan, UnitItem } from '../run/workload.ts';
import type { SummaryContext } from './types.ts';

/** Units of a stage of the plan with their specifications. */
export async function* plannedUnits<Spec>(
  { world }: Pick<SummaryContext, 'world'>,
  plan: Plan,
  name: string,
): AsyncGenerator<{ readonly item: UnitItem; readonly spec: Spec }> {
  const stage = plan.stages.find((one) => one.name === name);
  if (stage === undefined) return;
  for await (const item of stageItems(world.results, stage.items))
    yield { item, spec: (await readSpecification(world.results, item)) as Spec };
}
