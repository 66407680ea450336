import type { RunRecord } from '../stores/ports.ts';
import type { Task } from './workload.ts';

/** What the run does instead of taking files in; undefined for runs that take files in. */
export function taskOf(run: Pick<RunRecord, 'facts'>): Task | undefined {
  return run.facts['task'] as Task | undefined;
}
