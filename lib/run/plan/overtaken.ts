import { ConfigError } from '../../errors.ts';
import type { CatalogPointer } from '../../stores/ports.ts';
import type { Plan, RunContext, Workload } from '../workload.ts';
import { hasMoved } from './pins.ts';

/**
 * Another writer may make of the tables, while a run is at work, what the run's rows do not fit. Its publish would say so,
 * after all the work; so whoever begins a step of it looks. Nothing rests on that: a look that fails tells nothing.
 */

interface OvertakenOptions {
  readonly context: RunContext;
  readonly workload: Workload;
  readonly plan: Plan;
}

/** @throws ConfigError as the next plan of the run would */
export async function refuseOvertaken({ context, workload, plan }: OvertakenOptions): Promise<void> {
  if (workload.mustBePlannable === undefined) return;
  try {
    if (await hasMoved(context, plan)) await workload.mustBePlannable(context);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
  }
}

interface Look {
  readonly runId: string;
  readonly stage: string;
  readonly atMs: number;
}

/** The newest look of this process by catalog. */
const looks = new WeakMap<CatalogPointer, Look>();
/** Units may be many and small. */
const restMs = 60_000;

/** For units: this process looks when it begins a stage, and from then on once a minute while all is well. @throws ConfigError */
export async function refuseOvertakenUnit(options: OvertakenOptions, stage: string): Promise<void> {
  const { runId, world } = options.context;
  const atMs = world.clock.now();
  const last = looks.get(world.catalog);
  if (last?.runId === runId && last.stage === stage && atMs - last.atMs < restMs) return;
  const look = { runId, stage, atMs };
  looks.set(world.catalog, look);
  try {
    await refuseOvertaken(options);
  } catch (error) {
    // A unit that is tried again is refused again.
    if (looks.get(world.catalog) === look) looks.delete(world.catalog);
    throw error;
  }
}
