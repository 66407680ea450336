import type { PipelineConfig } from '../../config/schema.ts';
import { parseDurationMs } from '../../config/sizes.ts';
import { duration } from '../../report/format.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { RunManifest } from '../context.ts';
import { deadlineOf } from './deadline.ts';

/** What a run's record keeps of its deadline: by when it is to be done. */
interface DeadlineFact {
  readonly atMs: number;
  /** As configured. */
  readonly within: string;
}

/** From the run's start on, whatever the attempt; of a plan that a person looks at first from when it is begun. */
export function deadlineFact(
  { work }: Pick<PipelineConfig, 'work'>,
  { mode }: Pick<RunManifest, 'mode'>,
  { createdMs, nowMs }: { readonly createdMs: number; readonly nowMs: number },
): { readonly deadline?: DeadlineFact } {
  const within = deadlineOf({ work });
  if (within === undefined) return {};
  const fromMs = mode === 'plan' ? nowMs : createdMs;
  return { deadline: { atMs: fromMs + parseDurationMs(within), within } };
}

/** For people: by how much a run is, or was, later than its deadline; undefined when it is not, or has none. */
export function latenessOf(
  { status, endedMs, facts }: Pick<RunRecord, 'status' | 'endedMs' | 'facts'>,
  nowMs: number,
): string | undefined {
  const deadline = facts['deadline'] as DeadlineFact | undefined;
  // A plan that a person looks at has not begun.
  if (deadline === undefined || status === 'planned') return undefined;
  const lateMs = (endedMs ?? nowMs) - deadline.atMs;
  if (lateMs <= 0) return undefined;
  return `late by ${duration(lateMs)}: the run was to be done within ${deadline.within} (work.deadline)`;
}
