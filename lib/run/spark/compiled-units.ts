import { randomBytes } from 'node:crypto';
import type { SparkTask, SparkUnit } from '../../engine/spark.ts';
import type { CheckpointRecord, StateStore } from '../../stores/ports.ts';
import type { SparkLoad } from '../engines/unit-load.ts';
import { jsonBytes, layout } from '../layout.ts';
import type { MachineFailure } from '../raised-error.ts';
import { readSavedJson } from '../saved-json.ts';
import { readCheckpoint, saveCheckpoint } from '../units/checkpoints.ts';
import type { Compiled, CompiledUnit, RunContext, UnitItem } from '../workload.ts';

/**
 * What the first half of a unit for Spark leaves to Spark and to the second half: the specification in the run's folder, and a
 * checkpoint of a stage of its own. One per attempt, and the first write of an attempt wins, so that a function that is called twice does
 * not leave the second half with other places than Spark was given.
 */
export interface SavedUnit extends SparkTask {
  readonly kept: unknown;
  /** What it is to a run of Spark. */
  readonly load: SparkLoad;
  /** Why it is Spark's although the plan gave it to a function. */
  readonly rerouted?: MachineFailure;
}

const prefix = 'compiled-';

/** Whether a checkpoint record is a compiled unit: nothing that a unit has ended with. */
export function isCompiled({ stage }: Pick<CheckpointRecord, 'stage'>): boolean {
  return stage.startsWith(prefix);
}

/** Which units of a stage Spark has been given, by name and attempt, so that a checkpoint tells who has done it. */
export async function sparkUnits(
  { checkpoints }: Pick<StateStore, 'checkpoints'>,
  runId: string,
  stage: string,
): Promise<(record: Pick<CheckpointRecord, 'unit' | 'attempt'>) => boolean> {
  const compiled = new Set<string>();
  for await (const { unit } of checkpoints.list(runId, `${prefix}${stage}`)) compiled.add(unit);
  return ({ unit, attempt }) => compiled.has(nameOf({ attempt }, { stage, unit }).unit);
}

/** How many units of a stage Spark has been given, in any attempt. */
export async function unitsCompiled(
  { checkpoints }: Pick<StateStore, 'checkpoints'>,
  runId: string,
  stage: string,
): Promise<number> {
  const names = new Set<string>();
  for await (const { unit } of checkpoints.list(runId, `${prefix}${stage}`))
    names.add(unit.replace(/\.a\d+$/, ''));
  return names.size;
}

type Key = Pick<UnitItem, 'stage' | 'unit'>;

function nameOf({ attempt }: Pick<RunContext, 'attempt'>, { stage, unit }: Key): Key {
  return { stage: `${prefix}${stage}`, unit: `${unit}.a${attempt}` };
}

interface SaveOptions {
  readonly item: Key;
  readonly compiled: Extract<Compiled, { kind: 'spark' }>;
  readonly load: SparkLoad;
  readonly startedMs: number;
  readonly rerouted: MachineFailure | undefined;
}

export async function saveCompiled(context: RunContext, options: SaveOptions): Promise<void> {
  const { item, compiled, load, startedMs, rerouted } = options;
  const name = `${item.unit}-a${context.attempt}-${randomBytes(4).toString('hex')}`;
  const specification = layout.spark(context.folder, item.stage, `${name}.specification.json`);
  await context.world.results.write(specification, jsonBytes(compiled.unit));
  const saved: SavedUnit = {
    specification,
    report: layout.spark(context.folder, item.stage, `${name}.report.json`),
    kept: compiled.kept,
    load,
    ...(rerouted === undefined ? {} : { rerouted }),
  };
  await saveCheckpoint(context, {
    ...nameOf(context, item),
    startedMs,
    result: { rows: 0, bytes: compiled.bytes, outcome: saved },
  });
}

/** The compiled unit of this attempt, without opening it; undefined when the unit is not Spark's. */
export function compiledRecord(context: RunContext, item: Key): Promise<CheckpointRecord | undefined> {
  const { stage, unit } = nameOf(context, item);
  return context.world.state.checkpoints.get(context.runId, stage, unit);
}

/** @throws CorruptStateError when it is damaged */
export async function savedUnit(context: RunContext, record: CheckpointRecord): Promise<SavedUnit> {
  return (await readCheckpoint(context, record)).outcome as SavedUnit;
}

/** @throws CorruptStateError when its specification is damaged */
export async function readCompiled(context: RunContext, saved: SavedUnit): Promise<CompiledUnit> {
  const { world, runId } = context;
  const unit = await readSavedJson<SparkUnit>(world.results, saved.specification, runId);
  return { unit, kept: saved.kept };
}
