import { randomBytes } from 'node:crypto';
import { CorruptStateError } from '../../errors.ts';
import type { CheckpointRecord } from '../../stores/ports.ts';
import { ahead } from '../ahead.ts';
import { jsonBytes, layout, sha256 } from '../layout.ts';
import type { RunContext, StageSummary, UnitItem, UnitResult } from '../workload.ts';
import { stageItems } from './stages.ts';

/** The stage name of `prepare` units. */
export const prepareStage = 'prepare';

interface SaveOptions {
  readonly stage: string;
  readonly unit: string;
  readonly startedMs: number;
  readonly result: UnitResult;
}

/**
 * Makes a unit's outcome durable: first the object, then the state item. The state item decides: of two attempts
 * that finish, the first one's outcome stands and the other's files are never referenced. Says whether it is this one.
 */
export async function saveCheckpoint(
  context: RunContext,
  options: SaveOptions,
): Promise<CheckpointRecord & { readonly standing: boolean }> {
  const { stage, unit, result } = options;
  const bytes = jsonBytes({
    formatVersion: 1,
    run: context.runId,
    stage,
    unit,
    attempt: context.attempt,
    result,
  });
  const location = layout.checkpoint(
    context.folder,
    stage,
    unit,
    `a${context.attempt}-${randomBytes(4).toString('hex')}`,
  );
  await context.world.step(`before-checkpoint:${stage}`);
  await context.world.results.write(location, bytes);
  const record = await context.world.state.checkpoints.put({
    runId: context.runId,
    stage,
    unit,
    attempt: context.attempt,
    location,
    digest: sha256(bytes),
    startedMs: options.startedMs,
    endedMs: context.world.clock.now(),
    rows: result.rows,
    bytes: result.bytes,
  });
  await context.world.step(`after-checkpoint:${stage}`);
  return { ...record, standing: record.location === location };
}

/** @throws CorruptStateError when the object is not what the state item says */
export async function readCheckpoint(context: RunContext, record: CheckpointRecord): Promise<UnitResult> {
  const bytes = await context.world.results.read(record.location);
  if (sha256(bytes) !== record.digest) {
    throw new CorruptStateError(`the checkpoint ${record.location} is damaged`, {
      details: { location: record.location, expected: record.digest },
      safe: 'the tables are untouched; the unit can be done again',
      next: `partwise resume ${record.runId}`,
    });
  }
  const parsed: { formatVersion: number; result: UnitResult } = JSON.parse(new TextDecoder().decode(bytes));
  if (parsed.formatVersion !== 1)
    throw new CorruptStateError(`${record.location} has unknown version ${parsed.formatVersion}`);
  return parsed.result;
}

export interface CheckpointedUnit {
  readonly item: UnitItem;
  readonly record: CheckpointRecord;
  readonly result: UnitResult;
}

/** Each is two reads from a store that may be far away. */
const readsAtOnce = 32;

/**
 * Every planned unit of a stage with its outcome, streamed in the plan's order.
 * @throws CorruptStateError when a unit has none: the stage has not ended
 */
export async function* checkpointsOf(
  context: RunContext,
  stage: Pick<StageSummary, 'name' | 'items'>,
): AsyncIterable<CheckpointedUnit> {
  yield* ahead(stageItems(context.world.results, stage.items), readsAtOnce, async (item) => {
    const record = await context.world.state.checkpoints.get(context.runId, stage.name, item.unit);
    if (record === undefined) {
      throw new CorruptStateError(`unit ${item.unit} of stage ${stage.name} has no checkpoint`, {
        safe: 'the tables are untouched',
        next: `partwise resume ${context.runId}`,
      });
    }
    return { item, record, result: await readCheckpoint(context, record) };
  });
}
