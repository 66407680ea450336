import { count, plural } from '../report/format.ts';
import { taskOf } from '../run/tasks.ts';
import type { RunRecord } from '../stores/ports.ts';
import type { Repaired } from '../summary/repair/publish.ts';

/** Whether the run did something else than taking files in. */
export function isTask(run: RunRecord): boolean {
  return taskOf(run) !== undefined;
}

/** What a run that did a task came to; none for runs that take files in. */
export function taskLines(run: RunRecord): readonly string[] {
  const repaired = run.facts['latestRepair'] as Repaired | undefined;
  if (repaired === undefined) return [];
  const { buckets, bucketsWritten, keys, rowsWritten, kinds } = repaired;
  return [
    `  ${plural(keys, 'key')} in ${plural(buckets, 'bucket')} of latest compared with summary`,
    ...Object.entries(kinds).flatMap(([kind, n]) =>
      n === 0 ? [] : [`  ${count(n).padStart(12)}  ${kindTitles[kind] ?? kind}`],
    ),
    `  ${plural(bucketsWritten, 'bucket')} written anew, ${plural(rowsWritten, 'row')}`,
  ];
}

/** Whether a task found all as it must be and committed nothing. */
export function didNothing(run: RunRecord): boolean {
  const repaired = run.facts['latestRepair'] as Repaired | undefined;
  return isTask(run) && (repaired === undefined || repaired.bucketsWritten === 0);
}

const kindTitles: Readonly<Record<string, string>> = {
  missing: 'keys were missing in latest',
  surplus: 'keys were in latest without a row in summary',
  twice: 'keys were in latest more than once',
  wrongMonth: 'keys had another month in latest',
  wrongRow: 'keys had a row unlike their summary row',
};
