import { engineModel } from '../../engine/engine-model.ts';
import { SparkUnitError } from '../../errors.ts';
import { storageError } from '../../storage-error.ts';
import type { IntakeItem } from '../../stores/ports.ts';
import { type SparkLoad, sparkLoadOf } from '../engines/unit-load.ts';
import { refuseOvertakenUnit } from '../plan/overtaken.ts';
import { prepareUnit } from '../prepare.ts';
import { type MachineFailure, raisedError } from '../raised-error.ts';
import { secondsOfBytes } from '../spark/capacity.ts';
import { compiledRecord, readCompiled, saveCompiled, savedUnit } from '../spark/compiled-units.ts';
import { sparkReport } from '../spark/outcome.ts';
import { sparkUseOf } from '../spark/use.ts';
import type { Plan, RunContext, UnitItem, UnitResult, Workload } from '../workload.ts';
import { saveCheckpoint } from './checkpoints.ts';
import { readSpecification } from './stages.ts';

/** What the state machine asks for of a unit. */
export interface UnitWork extends UnitItem {
  /** The second half of a unit for Spark, and the run of Spark that it was in. */
  readonly finish?: boolean | undefined;
  readonly group?: string | undefined;
  /** Why the unit could not be done in a function: it is compiled for Spark instead, or fails by this. */
  readonly reroute?: MachineFailure | undefined;
}

interface UnitOptions {
  readonly context: RunContext;
  readonly workload: Workload;
  /** undefined for source objects, which are prepared before there is one. */
  readonly plan: Plan | undefined;
  readonly item: UnitWork;
  readonly startedMs: number;
}

/** Does a unit, or the half of it that is due, and keeps the outcome; notes for people what became of the attempt. */
export async function workUnit(options: UnitOptions): Promise<void> {
  const { context, workload, plan, item, startedMs } = options;
  const { world, runId, attempt } = context;
  const { stage, unit } = item;
  const note = { runId, stage, unit, attempt, startedMs };
  await world.state.checkpoints.note({ ...note, endedMs: undefined, error: undefined });
  try {
    context.signal.throwIfAborted();
    if (plan !== undefined) await refuseOvertakenUnit({ context, workload, plan }, stage);
    await work(options, await readSpecification(world.results, item));
    await world.state.checkpoints.note({ ...note, endedMs: world.clock.now(), error: undefined });
  } catch (thrown) {
    const error = storageError(thrown);
    const described = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    await world.state.checkpoints.note({ ...note, endedMs: world.clock.now(), error: described });
    throw error;
  }
}

async function work(options: UnitOptions, specification: unknown): Promise<void> {
  const { context, workload, plan, item } = options;
  if (plan !== undefined && item.finish === true)
    return save(options, await finish(options, plan, specification));
  await context.world.step(`unit:${item.stage}`);
  if (plan === undefined) return prepareUnit(context, workload, item.unit, specification as IntakeItem);
  const use = sparkUseOf(context, workload, specification);
  if (item.reroute !== undefined && use === 'never') throw raisedError(item.reroute);
  if (use === 'planned' || item.reroute !== undefined) return compile(options, plan, specification);
  return save(options, await workload.work(context, plan, item, specification));
}

async function compile(options: UnitOptions, plan: Plan, specification: unknown): Promise<void> {
  const { context, workload, item, startedMs } = options;
  const { stage, unit } = item;
  const isCompiled = () => context.world.progress({ kind: 'compiled', runId: context.runId, stage, unit });
  // A function that is called twice: the first one's places stand.
  if ((await compiledRecord(context, item)) !== undefined) return isCompiled();
  const compiled = await workload.compile?.(context, plan, item, specification);
  if (compiled?.kind === 'spark') {
    await saveCompiled(context, {
      item,
      compiled,
      load: loadOf(options, specification, compiled.bytes),
      startedMs,
      rerouted: item.reroute,
    });
    isCompiled();
  } else if (compiled !== undefined) await save(options, compiled.result);
}

function loadOf({ context, workload }: UnitOptions, specification: unknown, bytes: number): SparkLoad {
  const load = workload.loadOf?.(context.config, specification, bytes);
  if (load !== undefined) return sparkLoadOf(load);
  return { coreSeconds: secondsOfBytes(bytes, engineModel()), pieceBytes: 0 };
}

async function finish(
  { context, workload, item }: UnitOptions,
  plan: Plan,
  specification: unknown,
): Promise<UnitResult> {
  const record = await compiledRecord(context, item);
  if (record === undefined || workload.finish === undefined)
    throw new SparkUnitError(`${item.stage}/${item.unit} was not compiled for Spark in this attempt`, {
      safe: 'nothing of the unit is referenced',
      next: `partwise resume ${context.runId}`,
    });
  const saved = await savedUnit(context, record);
  const report = await sparkReport(context, item, saved, item.group ?? '');
  await context.world.step(`finish:${item.stage}`);
  return workload.finish(context, plan, item, specification, await readCompiled(context, saved), report);
}

async function save({ context, item, startedMs }: UnitOptions, result: UnitResult): Promise<void> {
  await saveCheckpoint(context, { stage: item.stage, unit: item.unit, startedMs, result });
}
