import type { RollupConfig } from '../config/index.ts';
import { batchAt, rulesOf, watermark } from '../rollup/rules.ts';
import { batchOf } from '../run/intake/batches.ts';
import { isSettled, runsSeen } from '../run/intake/claim.ts';
import type { StateStore } from '../stores/ports.ts';

export interface NextBatch {
  readonly number: number;
  readonly endMs: number;
}

/**
 * The batch that a run started now would work on, as far as the runs' records say; the run itself asks the table. A batch
 * whose run has failed comes first: the run takes it up again. undefined when there is none before the first file.
 */
export async function nextBatch(
  config: RollupConfig,
  state: Pick<StateStore, 'runs'>,
  oldestArrivalMs: number | undefined,
): Promise<NextBatch | undefined> {
  const rules = rulesOf(config);
  const at = (number: number): NextBatch => ({ number, endMs: watermark(rules, number) });
  for (const run of await state.runs.list(config.pipeline, runsSeen)) {
    const batch = batchOf(run);
    if (batch === undefined || run.branch !== 'main' || run.status === 'cancelled') continue;
    if (isSettled(run)) return at(batch.number + 1);
    // A plan waits for a person, who applies it or gives it up.
    return run.status === 'planned' ? undefined : at(batch.number);
  }
  if (oldestArrivalMs === undefined) return undefined;
  return at(batchAt(rules, oldestArrivalMs));
}
