import { duckDb } from '../../engine/duckdb-dialect.ts';
import { scan } from '../files/reading.ts';
import { hitSelect } from '../sql/apply.ts';
import { patched } from '../sql/patch.ts';
import type { SummaryShape } from '../tables/columns.ts';
import type { ChangedMonth } from './changed-months.ts';
import {
  type GroupResult,
  groupFiles,
  type RewriteOptions,
  rewriteGroup,
  untouchedGroup,
} from './rewrite-group.ts';

export interface GroupOptions extends RewriteOptions {
  readonly shape: SummaryShape;
  /** Months of the change set. */
  readonly changed: readonly ChangedMonth[];
}

/** All files of one cell that are planned together: a key pass, then the changed rows or all rows once. */
export async function applyGroup(options: GroupOptions): Promise<GroupResult> {
  const { context, session, shape, set, group, changed } = options;
  const { sets: months, owns } = changesFeltBy(shape, changed, group.month);
  if (months.length === 0 && !owns) return untouchedGroup(options);

  const files = groupFiles(options);
  const keys = scan(set, { columns: [shape.key.name], files });
  await session.execute(duckDb.keep('pw_hit', hitSelect(duckDb, shape, keys, group.month)));
  const patch = (from: string, carry: boolean) =>
    patched({ dialect: duckDb, shape, month: group.month, months, from, carry, runId: context.runId });
  return rewriteGroup(options, {
    all: patch(scan(set, { files }), true),
    changed: (some) => patch(scan(set, { files: some, wanted: 'pw_hit' }), false),
  });
}

/** What rows of a month can feel: changed months within their arrays, and whether their own month's rows change. */
export function changesFeltBy(
  { historyLength }: Pick<SummaryShape, 'historyLength'>,
  changed: readonly ChangedMonth[],
  month: number,
): { readonly sets: readonly number[]; readonly owns: boolean } {
  return {
    sets: changed
      .filter((one) => one.sets && one.month < month && one.month > month - historyLength)
      .map((one) => one.month),
    owns: changed.some((one) => one.owns && one.month === month),
  };
}
