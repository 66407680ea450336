import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { SqlRow } from '../../engine/engine.ts';
import { textList } from '../../engine/sql.ts';
import { CorruptStateError } from '../../errors.ts';
import { readCheckpoint } from '../../run/units/checkpoints.ts';
import type { Location } from '../../stores/ports.ts';
import { changedMonths, loadChanges } from '../sql/apply.ts';
import type { SummaryShape } from '../tables/columns.ts';
import type { ApplySpec, ChangedMonthEntry, ResolveOutcome, SummaryContext } from '../types.ts';

/** What the units of `resolve` found to change. */

export interface ChangedMonth {
  readonly month: number;
  /** Later rows hold the month's value. */
  readonly sets: boolean;
  /** Stored rows of the month itself change. */
  readonly owns: boolean;
}

/** Rows of the query `changedMonths`. */
export function changedMonthsOf(rows: readonly SqlRow[]): readonly ChangedMonth[] {
  return rows.map((row) => ({
    month: Number(row['pw_month']),
    sets: Number(row['pw_sets']) > 0,
    owns: Number(row['pw_owns']) > 0,
  }));
}

/** The same as a unit's outcome keeps it. */
export function monthEntries(rows: readonly SqlRow[]): readonly ChangedMonthEntry[] {
  return changedMonthsOf(rows).map(({ month, sets, owns }): ChangedMonthEntry => [month, sets, owns]);
}

/** @throws CorruptStateError when the unit of `resolve` has no checkpoint */
export async function resolveOutcome(context: SummaryContext, unit: string): Promise<ResolveOutcome> {
  const record = await context.world.state.checkpoints.get(context.runId, 'resolve', unit);
  if (record === undefined) {
    throw new CorruptStateError(`unit ${unit} of stage resolve has no checkpoint`, {
      safe: 'the tables are untouched',
      next: `partwise resume ${context.runId}`,
    });
  }
  return (await readCheckpoint(context, record)).outcome as ResolveOutcome;
}

interface UnitChanges {
  readonly sets: readonly Location[];
  readonly months: readonly ChangedMonth[];
}

/** The change sets of a unit's buckets, and the months that they change. Opens them only where an older version left them. */
export async function unitChanges(
  context: SummaryContext,
  spec: ApplySpec,
  shape: SummaryShape,
): Promise<UnitChanges> {
  const sets: Location[] = [];
  const unknown: Location[] = [];
  const months = new Map<number, ChangedMonth>();
  const add = ({ month, sets: set, owns }: ChangedMonth) => {
    const before = months.get(month);
    months.set(month, { month, sets: set || before?.sets === true, owns: owns || before?.owns === true });
  };
  for (const { unit } of spec.resolve) {
    const outcome = await resolveOutcome(context, unit);
    if (outcome.changeSet === undefined) continue;
    sets.push(outcome.changeSet);
    if (outcome.changedMonths === undefined) unknown.push(outcome.changeSet);
    else for (const [month, set, owns] of outcome.changedMonths) add({ month, sets: set, owns });
  }
  if (unknown.length > 0) for (const one of await monthsInside(context, unknown, spec, shape)) add(one);
  return { sets, months: [...months.values()].sort((a, b) => a.month - b.month) };
}

async function monthsInside(
  context: SummaryContext,
  sets: readonly Location[],
  spec: ApplySpec,
  shape: SummaryShape,
): Promise<readonly ChangedMonth[]> {
  const paths = await Promise.all(sets.map((set) => context.world.results.localPath(set)));
  const all = spec.groups.map((group) => group.month);
  await using session = await context.session('changed-months', { threads: 1 });
  const marks = `(SELECT pw_month, pw_set, pw_own FROM read_parquet(${textList(paths)}))`;
  await session.execute(loadChanges(duckDb, marks, Math.min(...all), Math.max(...all), shape.historyLength));
  return changedMonthsOf(await session.query(changedMonths()));
}
