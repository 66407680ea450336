import { CorruptStateError } from '../../errors.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { tableIdentifier } from '../tables.ts';
import type { RollupContext } from '../types.ts';

/** Beside the table and not below it: whoever removes the table's orphan files does not know the state. */
export function stateFolder({ config, world }: Pick<RollupContext, 'config' | 'world'>): Location {
  const { namespace, name } = tableIdentifier(config);
  return joinLocation(world.warehouse.root, namespace, `${name}_state`);
}

/** The folder of the run's batch below the state folder. */
export function batchFolder(context: RollupContext): Location {
  return joinLocation(stateFolder(context), batchName(context));
}

/** All of the pipeline's dead letters. */
export function allDeadLetters({ config, world }: Pick<RollupContext, 'config' | 'world'>): Location {
  const { namespace, name } = tableIdentifier(config);
  return joinLocation(world.warehouse.root, namespace, `${name}_dead_letters`);
}

/** The folder of the run's dead letters. */
export function deadLettersFolder(context: RollupContext): Location {
  return joinLocation(allDeadLetters(context), batchName(context));
}

function batchName({ batch, runId, planGeneration }: RollupContext): string {
  if (batch === undefined) throw new CorruptStateError(`run ${runId} has no batch`);
  return batchFolderName(batch.number, runId, planGeneration);
}

/**
 * A plan that is made again writes to a folder of its own: what was committed of the one before has other units.
 * @example batchFolderName(12, 'metrics-20260101t000000-a1b2c3', 0) // 'b00000012-metrics-20260101t000000-a1b2c3/g0'
 */
export function batchFolderName(batch: number, runId: string, planGeneration: number): string {
  return `b${String(batch).padStart(8, '0')}-${runId}/g${planGeneration}`;
}
