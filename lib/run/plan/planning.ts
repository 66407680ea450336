import { CorruptStateError, PlanStaleError } from '../../errors.ts';
import { readManifest } from '../context.ts';
import { keep } from '../kept.ts';
import { jsonBytes, layout } from '../layout.ts';
import { checkBudget, preparedObjects } from '../prepare.ts';
import { readSavedJson } from '../saved-json.ts';
import { prepareStage } from '../units/checkpoints.ts';
import type { Plan, RunContext, Workload } from '../workload.ts';
import { refuseOvertaken } from './overtaken.ts';
import { expiredPins, pinDifferences } from './pins.ts';

interface PlanOptions {
  readonly context: RunContext;
  readonly workload: Workload;
  /** Make a new plan even if the saved one still holds. */
  readonly replan: boolean;
}

/**
 * The run's plan: the saved one if it still holds, else a new one.
 *
 * Before the first checkpoint a table that has moved makes a plan that somebody looked at stale (PlanStaleError
 * with the difference); a plan that nobody saw is made again. After it, publish decides, bucket by bucket.
 * @throws ConfigError when no plan can be made of what the run has prepared any more
 */
export async function planRun(options: PlanOptions): Promise<Plan> {
  const { context, workload } = options;
  await workload.rollForward(context);
  const before = await readPlan(context);
  let moved: readonly string[] | undefined;
  if (before !== undefined && !options.replan) {
    const started = await hasWorkCheckpoint(context, before);
    const differences = started ? await expiredPins(context, before) : await pinDifferences(context, before);
    moved = differences;
    if (differences.length === 0) {
      if (started) await refuseOvertaken({ context, workload, plan: before });
      return before;
    }
    const manifest = await readManifest(context.world, context.runId);
    if (!started && manifest.mode === 'plan' && context.planGeneration === 0) {
      // Whoever is told to plan again must be able to.
      await workload.mustBePlannable?.(context);
      throw new PlanStaleError(
        `the plan of ${context.runId} does not hold any more: ${differences.join('; ')}`,
        {
          details: { differences },
          safe: 'nothing was changed; the claimed files stay with the run',
          next: `partwise resume ${context.runId} --replan`,
        },
      );
    }
  }
  const replanned =
    before === undefined ? {} : { replanned: whyAgain(moved ?? (await pinDifferences(context, before))) };
  const generation = before === undefined ? context.planGeneration : context.planGeneration + 1;
  const stage = { name: prepareStage, items: layout.items(context.folder, prepareStage, 0) };
  const totals = await checkBudget(context, preparedObjects(context, stage));
  const fresh = { ...context, planGeneration: generation };
  const plan = await workload.plan(fresh, preparedObjects(context, stage));
  await context.world.results.write(layout.plan(context.folder, generation), jsonBytes(plan), {
    overwrite: true,
  });
  const record = await context.world.state.runs.get(context.runId);
  await context.world.state.runs.update(context.runId, {
    status: 'planned',
    facts: { ...record?.facts, planGeneration: generation, input: totals, ...replanned },
  });
  if (replanned.replanned !== undefined)
    context.world.progress({ kind: 'note', runId: context.runId, text: replanned.replanned });
  await context.world.step('planned');
  return plan;
}

/** For people: why stages are begun anew; kept as `facts.replanned`. */
function whyAgain(differences: readonly string[]): string {
  const since = differences.length === 0 ? '' : ` since the tables have moved: ${differences.join('; ')}`;
  return `planned again${since}; only units whose inputs are the same stand`;
}

/** The newest saved plan; undefined when the run has none. */
export async function readPlan(context: RunContext): Promise<Plan | undefined> {
  const location = layout.plan(context.folder, context.planGeneration);
  if ((await context.world.results.head(location)) === undefined) return undefined;
  return readSavedJson<Plan>(context.world.results, location, context.runId);
}

const plans = keep<Plan>(32);

/**
 * The run's plan as this process first read it: a plan that units work on is not written again, a new one has the next
 * generation. For units, of which there are many.
 * @throws CorruptStateError when the run has none
 */
export function keptPlan(context: RunContext): Promise<Plan> {
  return plans.get(context.world.results, layout.plan(context.folder, context.planGeneration), async () => {
    const plan = await readPlan(context);
    if (plan !== undefined) return plan;
    throw new CorruptStateError(`run ${context.runId} has no plan`, {
      next: `partwise resume ${context.runId}`,
    });
  });
}

async function hasWorkCheckpoint(context: RunContext, plan: Plan): Promise<boolean> {
  for (const stage of plan.stages)
    if ((await context.world.state.checkpoints.count(context.runId, stage.name)) > 0) return true;
  return false;
}
