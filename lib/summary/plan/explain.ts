import { deadlineLines } from '../../run/engines/deadline.ts';
import { engineLines } from '../../run/engines/engine-lines.ts';
import { monthText } from '../sql/months.ts';
import type { ApplyGroup } from '../types.ts';
import { groupBytes } from './groups.ts';
import type { PlannedWork } from './plan.ts';

/** Files that are named one by one; beyond that, a count. */
const listedGroups = 40;

/** Lines for people, made from the same objects as the units. */
export function explain(planned: PlannedWork, strategyReason: string): readonly string[] {
  const { facts, units, groups, config } = planned;
  if (units.length === 0) return ['nothing to do: no accepted row'];
  const stored = units.flatMap((unit) => unit.specification.summary);
  const touched = groups.flatMap((group) => group.files);
  const lines = [
    `${rows(facts.preparedRows)} (${facts.preparedDeletes} deletes) for months ${monthText(facts.firstMonth)} to ${monthText(facts.lastMonth)}, in ${units.length} of ${facts.buckets} buckets`,
    `strategy ${facts.strategy}: ${strategyReason}`,
    `resolve: ${units.length} units`,
    `apply: ${planned.applyUnits} units over ${touched.length} files, ${bytes(touched.reduce((sum, file) => sum + file.sizeBytes, 0))}`,
  ];
  if (planned.engines !== undefined) lines.push(...engineLines(planned.engines));
  lines.push(...deadlineLines(planned.deadline));
  if (config.work.fromMonth !== undefined && planned.applyUnits > 0)
    lines.push(`apply starts with the units of ${config.work.fromMonth} and later months`);
  const pruned = stored.length - touched.length;
  if (pruned > 0)
    lines.push(
      `not opened: ${pruned} files whose months are out of reach (before a record's month, or ${config.historyLength} or more months after)`,
    );
  for (const group of groups.slice(0, listedGroups)) lines.push(`  ${groupLine(group)}`);
  if (groups.length > listedGroups) lines.push(`  and ${groups.length - listedGroups} more`);
  return lines;
}

function groupLine(group: ApplyGroup): string {
  const files = group.files.length === 1 ? '1 file' : `${group.files.length} files`;
  const count = group.files.reduce((sum, file) => sum + file.rows, 0);
  return `${monthText(group.month)} bucket ${group.bucket}: ${group.mode} (${group.reason}), ${files}, ${rows(count)}, ${bytes(groupBytes(group))}, about ${group.expectedRows} to change`;
}

function rows(count: number): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? 'row' : 'rows'}`;
}

function bytes(count: number): string {
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} KB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(2)} GB`;
}
