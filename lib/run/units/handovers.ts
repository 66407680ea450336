import type { CheckpointRecord } from '../../stores/ports.ts';
import type { RunContext, UnitItem } from '../workload.ts';
import { readCheckpoint, saveCheckpoint } from './checkpoints.ts';

/**
 * What an attempt at a unit leaves to the next one when its time is up: the outcomes of the pieces that are done, as a
 * checkpoint of a stage of its own. Handovers of a unit are numbered and hold everything done so far. Each follows from
 * exactly one before it, and the first write of a number wins, so pieces of two attempts never meet in one. Their files
 * are kept from the reaper as those of checkpoints are; published is only what the unit's checkpoint says.
 */
export interface Handover<Done> {
  readonly number: number;
  /** Outcomes of the first pieces, in order. */
  readonly done: readonly Done[];
  /** The longest piece so far. */
  readonly longestMs: number;
}

interface HandoverKey {
  readonly item: Pick<UnitItem, 'stage' | 'unit'>;
  /** How the unit is cut into pieces: handovers of another cut are not for this one. */
  readonly cut: string;
}

const prefix = 'handover-';

/** Whether a checkpoint record is a handover: nothing that a unit has ended with. */
export function isHandover({ stage }: Pick<CheckpointRecord, 'stage'>): boolean {
  return stage.startsWith(prefix);
}

function nameOf({ item, cut }: HandoverKey, number: number) {
  return { stage: `${prefix}${item.stage}`, unit: `${item.unit}.${cut}.${number}` };
}

/** @throws CorruptStateError when it is damaged */
export async function newestHandover<Done>(
  context: RunContext,
  key: HandoverKey,
): Promise<Handover<Done> | undefined> {
  let newest: CheckpointRecord | undefined;
  for (let number = 0; ; number += 1) {
    const { stage, unit } = nameOf(key, number);
    const record = await context.world.state.checkpoints.get(context.runId, stage, unit);
    if (record === undefined) break;
    newest = record;
  }
  return newest === undefined
    ? undefined
    : ((await readCheckpoint(context, newest)).outcome as Handover<Done>);
}

/** Whether this one stands; false when another attempt has handed over under the same number. */
export async function saveHandover<Done>(
  context: RunContext,
  key: HandoverKey & { readonly handover: Handover<Done>; readonly startedMs: number },
): Promise<boolean> {
  const { handover, startedMs } = key;
  const { standing } = await saveCheckpoint(context, {
    ...nameOf(key, handover.number),
    startedMs,
    result: { rows: 0, bytes: 0, outcome: handover },
  });
  return standing;
}
