import type { RollupConfig } from '../config/index.ts';
import { RepairRefusedError, UsageError } from '../errors.ts';
import { findTable, newestBatch } from '../rollup/batch.ts';
import { waitingLetters } from '../rollup/repair/letters.ts';
import { readState } from '../rollup/state/state.ts';
import type { RepairRequest } from '../run/intake/batch.ts';
import {
  cancelRun,
  planRepair,
  type RunOutcome,
  repairPoints,
  unfinishedRepair,
} from '../run/local/local.ts';
import type { LocalWorld } from '../run/local/local-world.ts';
import { namedFiles } from './named-files.ts';

interface RepairOptions {
  readonly world: LocalWorld;
  readonly config: RollupConfig;
  /** Takes what was too late for this batch and later ones; undefined: nothing of the kind. */
  readonly lateFrom: number | undefined;
  /** Absolute paths. */
  readonly also: readonly string[];
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Works points into windows of main that are published, or says what that would do. A repair that has not ended is
 * finished first and is the outcome (`wasBegun`). undefined when there is nothing to repair. A run that is refused by name holds
 * nothing afterwards.
 * @throws UsageError, RepairRefusedError, UnfinishedBatchError
 */
export async function repairWindows(
  options: RepairOptions,
): Promise<(RunOutcome & { readonly wasBegun: boolean }) | undefined> {
  const { world, config, dryRun, signal } = options;
  const shared = { world, config, ...(signal === undefined ? {} : { signal }) };
  const begun = dryRun ? undefined : await unfinishedRepair(world, config.pipeline);
  const repair = begun === undefined ? await requestOf(options) : begun.repair;
  if (repair === undefined) return undefined;
  const outcome = await (dryRun ? planRepair : repairPoints)({ ...shared, repair });
  const { run } = outcome;
  if (run?.error?.name !== 'RepairRefusedError') return { ...outcome, wasBegun: begun !== undefined };
  // Nothing can be done about it by going on, and batches wait for a run that has not ended.
  if (run.status === 'failed') await cancelRun({ world, runId: run.runId });
  throw new RepairRefusedError(run.error.message, {
    safe: 'the table is as it was; the points wait: dead letters where they are, files for the next batch',
    next: 'partwise replay --from-batch N --also FILE, from the batch that the points belong to',
  });
}

async function requestOf(options: RepairOptions): Promise<RepairRequest | undefined> {
  const { world, config, lateFrom } = options;
  const newest = newestBatch(await findTable(world, config), 'main');
  if (newest === undefined) throw new UsageError('no batch has been published yet', { next: 'partwise run' });
  const also =
    options.also.length === 0 ? [] : await namedFiles({ world, config, branch: 'main', paths: options.also });
  if (also.length > mostFiles)
    throw new UsageError(`a repair takes at most ${mostFiles} files by name`, {
      safe: 'nothing was changed',
    });
  const range = lateFrom === undefined ? undefined : { from: lateFrom, to: newest.batch };
  const letters =
    range === undefined
      ? []
      : await waitingLetters(world, config, await readState(world.warehouse, newest), range);
  if (letters.length + also.length === 0) return undefined;
  return { ...(letters.length === 0 || range === undefined ? {} : { late: range }), also };
}

/** They stand in the run's record. */
const mostFiles = 100;
