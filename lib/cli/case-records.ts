import type { Plan, World } from '../run/workload.ts';
import type { RunRecord } from '../stores/ports.ts';
import { iso } from './history-records.ts';
import { type StepRow, stepRows, type Work, workOf } from './step-records.ts';

/** Records per run and case, and stored rows that they patched, with the step that did them together with other cases. */
export const caseColumns = {
  run_id: 'VARCHAR',
  case_name: 'VARCHAR',
  title: 'VARCHAR',
  rows: 'BIGINT',
  step: 'VARCHAR',
  step_ms: 'BIGINT',
  step_bytes: 'BIGINT',
  started: 'TIMESTAMP',
  ended: 'TIMESTAMP',
  status: 'VARCHAR',
  error: 'VARCHAR',
} as const;

/** What the cases are called for people, and the step that does their rows; also their order. */
const known: Readonly<Record<string, readonly [title: string, step: string]>> = {
  caseI: ['first month of a new key (case I)', 'inserts'],
  caseII: ['month newer than the newest stored one (case II)', 'inserts'],
  caseIIIInsert: ['month in the past, not stored (case III)', 'inserts'],
  caseIIIUpdate: ['month in the past, stored: replaced (case III)', 'apply'],
  caseIV: ['further month of a new key (case IV)', 'inserts'],
  delete: ['delete of a stored month', 'apply'],
  tombstone: ['delete of a month that is not stored', 'tombstones'],
  stale: ['older than what is stored: changed nothing', 'judge'],
  duplicate: ['duplicate: changed nothing', 'judge'],
  revived: ['deleted month that is alive again', 'apply'],
  feed: ['deletions feed: record of a stored month', 'judge'],
  feedWaiting: ['deletions feed: record of a month that is not stored, kept for it', 'tombstones'],
  feedOverrides: ['deletions feed: month that shows its date and code (feed overrides)', 'judge'],
  patched: ['later rows whose arrays were patched', 'apply'],
};

export interface CaseCount {
  readonly name: string;
  readonly title: string;
  readonly rows: number;
  readonly step: string;
}

/** The cases of a run that have rows, and its steps; empty before its units have worked. */
export async function casesAndSteps(
  world: World,
  run: RunRecord,
  plan: Plan | undefined,
): Promise<{ readonly cases: readonly CaseCount[]; readonly steps: readonly StepRow[] }> {
  const work = await workOf(world, run, plan);
  return { cases: casesIn(work), steps: await stepRows(world, run, work) };
}

/** The cases of a run that have rows; none before its units have worked. */
export async function casesOf(
  world: World,
  run: RunRecord,
  plan: Plan | undefined,
): Promise<readonly CaseCount[]> {
  return casesIn(await workOf(world, run, plan));
}

function casesIn(work: Work): readonly CaseCount[] {
  return Object.entries(known).flatMap(([name, [title, step]]): readonly CaseCount[] => {
    const rows = work.cases.get(name) ?? 0;
    return rows > 0 ? [{ name, title, rows, step }] : [];
  });
}

export function caseRow(
  run: RunRecord,
  one: CaseCount,
  steps: readonly StepRow[],
): Readonly<Record<keyof typeof caseColumns, unknown>> {
  const step = steps.find((candidate) => candidate.step === one.step);
  return {
    run_id: run.runId,
    case_name: one.name,
    title: one.title,
    rows: one.rows,
    step: one.step,
    step_ms: step?.elapsed_ms ?? null,
    step_bytes: step?.bytes ?? null,
    started: step?.started ?? iso(run.createdMs),
    ended: step?.ended ?? iso(run.endedMs),
    status: run.status,
    error: run.error?.name ?? null,
  };
}
