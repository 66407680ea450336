import { bytes, count, plural, printable } from '../report/format.ts';
import { isSettled } from '../run/intake/claim.ts';
import { taskOf } from '../run/tasks.ts';
import type { RunRecord } from '../stores/ports.ts';
import { keyList, type MissingKeys } from '../summary/rebuild/missing.ts';
import type { Rebuilt } from '../summary/rebuild/publish.ts';
import type { Repaired } from '../summary/repair/publish.ts';
import type { Rewritten } from '../summary/rewrite/publish.ts';
import type { SummaryTask } from '../summary/tasks/tasks.ts';

/** Whether the run did something else than taking files in. */
export function isTask(run: RunRecord): boolean {
  return taskOf(run) !== undefined;
}

interface TaskFacts {
  readonly latestRepair?: Repaired;
  readonly rebuild?: Rebuilt;
  readonly rewrite?: Rewritten;
}

/** What a run that did a task came to; none for runs that take files in. */
export function taskLines(run: RunRecord): readonly string[] {
  const { latestRepair: repair, rebuild, rewrite } = run.facts as TaskFacts;
  return [
    ...(repair === undefined ? [] : repairLines(repair)),
    ...(rebuild === undefined ? [] : rebuildLines(rebuild)),
    ...(rewrite === undefined ? [] : rewriteLines(rewrite)),
  ];
}

/** Whether a task found all as it must be and committed nothing. */
export function didNothing(run: RunRecord): boolean {
  const { latestRepair: repair, rebuild, rewrite } = run.facts as TaskFacts;
  const written =
    (repair?.bucketsWritten ?? 0) +
    (rebuild === undefined ? 0 : rebuild.rebuilt + rebuild.latestWritten) +
    (rewrite === undefined ? 0 : rewrite.filesBefore + Math.abs(rewrite.to - rewrite.from));
  return isTask(run) && written === 0;
}

/** Whether the run was a task that has ended and committed nothing. */
export function wasIdle(run: RunRecord): boolean {
  return isSettled(run) && didNothing(run);
}

/** Why a task that did nothing had nothing to do. */
export function nothingDone(run: RunRecord): string {
  const task = taskOf(run) as SummaryTask | undefined;
  const { latestRepair } = run.facts as TaskFacts;
  switch (task?.kind) {
    case 'repair-latest':
      return (latestRepair?.buckets ?? 0) === 0 ? 'no bucket is suspect' : 'latest is what summary says';
    case 'rebuild':
      return 'every array is right';
    case 'rebucket':
      return `the tables have ${plural(task.buckets, 'bucket')} already`;
    case 'compact':
      return 'no cell has too many small files or deleted rows';
    case undefined:
      return 'all is as it must be';
  }
}

function repairLines({ buckets, bucketsWritten, keys, rowsWritten, kinds }: Repaired): readonly string[] {
  return [
    `  ${plural(keys, 'key')} in ${plural(buckets, 'bucket')} of latest compared with summary`,
    ...Object.entries(kinds).flatMap(([kind, n]) =>
      n === 0 ? [] : [`  ${count(n).padStart(12)}  ${kindTitles[kind] ?? kind}`],
    ),
    `  ${plural(bucketsWritten, 'bucket')} written anew, ${plural(rowsWritten, 'row')}`,
  ];
}

const kindTitles: Readonly<Record<string, string>> = {
  missing: 'keys were missing in latest',
  surplus: 'keys were in latest without a row in summary',
  twice: 'keys were in latest more than once',
  wrongMonth: 'keys had another month in latest',
  wrongRow: 'keys had a row unlike their summary row',
};

function rebuildLines({ buckets, rows, rebuilt, latestWritten, missingKeys }: Rebuilt): readonly string[] {
  return [
    ...missingLines(missingKeys),
    `  ${plural(rows, 'row')} in ${plural(buckets, 'bucket')} recomputed`,
    `  ${count(rebuilt).padStart(12)}  rows whose arrays were wrong`,
    ...(latestWritten === 0 ? [] : [`  ${plural(latestWritten, 'row')} of latest written anew`]),
  ];
}

/** Named keys of a rebuild that have no row. */
export function missingLines(missing: MissingKeys): readonly string[] {
  return missing.keys === 0
    ? []
    : [`  ${plural(missing.keys, 'key')} not found: ${printable(keyList(missing))}`];
}

function rewriteLines({ kind, from, to, rows, ...files }: Rewritten): readonly string[] {
  return [
    kind === 'rebucket' && from !== to
      ? `  ${plural(from, 'bucket')} became ${count(to)}: ${plural(rows, 'row')} rewritten`
      : `  ${plural(rows, 'row')} rewritten`,
    `  ${plural(files.filesBefore, 'data file')} of ${bytes(files.bytesBefore)} replaced by ${count(files.filesAfter)} of ${bytes(files.bytesAfter)}`,
  ];
}
