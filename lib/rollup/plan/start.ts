import { CorruptStateError } from '../../errors.ts';
import type { Batch } from '../../run/intake/batch.ts';
import { keep } from '../../run/kept.ts';
import { type ClosedThrough, rulesOf } from '../rules.ts';
import { inTime } from '../sql/series.ts';
import { type CommittedBatch, closedOf, type RollupState, readState } from '../state/state.ts';
import type { RollupContext } from '../types.ts';

/** What a batch starts from. */
export interface StartOfBatch {
  readonly batch: Batch;
  readonly previous: CommittedBatch | undefined;
  readonly state: RollupState | undefined;
  readonly closedBeforeMs: ClosedThrough;
}

const states = keep<RollupState>(16);

/** The run's batch and the state of the one before, read once per process. @throws CorruptStateError */
export async function startOfBatch(context: RollupContext): Promise<StartOfBatch> {
  const { batch, world } = context;
  if (batch === undefined) throw new CorruptStateError(`run ${context.runId} has no batch`);
  const previous = (batch.previous ?? undefined) as CommittedBatch | undefined;
  const state =
    previous === undefined
      ? undefined
      : await states.get(world.warehouse, previous.state, () => readState(world.warehouse, previous));
  return { batch, previous, state, closedBeforeMs: closedOf(state) };
}

/** Points that count in this batch, of a column `ts`: neither too late, which nothing is for a repair, nor too far in the future. */
export async function countsInBatch(context: RollupContext): Promise<string> {
  const { batch, closedBeforeMs } = await startOfBatch(context);
  return inTime(
    {
      closedBeforeMs: batch.repair === undefined ? (closedBeforeMs ?? null) : null,
      watermarkMs: batch.watermarkMs,
    },
    rulesOf(context.config),
  );
}
