import { stageItems } from '../run/stages.ts';
import type { Plan, World } from '../run/workload.ts';
import type { RunRecord } from '../stores/ports.ts';

/** Records per run and case, and stored rows that they patched, summed over the units' checkpoints. */
export const caseColumns = {
  run_id: 'VARCHAR',
  case_name: 'VARCHAR',
  title: 'VARCHAR',
  rows: 'BIGINT',
  started: 'TIMESTAMP',
  ended: 'TIMESTAMP',
  status: 'VARCHAR',
  error: 'VARCHAR',
} as const;

/** What the cases are called for people; also their order. */
const titles: Readonly<Record<string, string>> = {
  caseI: 'first month of a new key (case I)',
  caseII: 'month newer than the newest stored one (case II)',
  caseIIIInsert: 'month in the past, not stored (case III)',
  caseIIIUpdate: 'month in the past, stored: replaced (case III)',
  caseIV: 'further month of a new key (case IV)',
  delete: 'delete of a stored month',
  tombstone: 'delete of a month that is not stored',
  stale: 'older than what is stored: changed nothing',
  duplicate: 'duplicate: changed nothing',
  revived: 'deleted month that is alive again',
  feed: 'deletions feed: record of a stored month',
  feedWaiting: 'deletions feed: record of a month that is not stored, kept for it',
  feedOverrides: 'deletions feed: month that shows its date and code (feed overrides)',
  patched: 'later rows whose arrays were patched',
};

export interface CaseCount {
  readonly name: string;
  readonly title: string;
  readonly rows: number;
}

/** The cases of a run that have rows; none before its units have worked. */
export async function casesOf(
  world: World,
  run: RunRecord,
  plan: Plan | undefined,
): Promise<readonly CaseCount[]> {
  const counts = isRecord(run.facts.cases)
    ? new Map(Object.entries(run.facts.cases))
    : await countUnits(world, run, plan);
  return Object.entries(titles).flatMap(([name, title]): readonly CaseCount[] => {
    const rows = Number(counts.get(name) ?? 0);
    return rows > 0 ? [{ name, title, rows }] : [];
  });
}

export function caseRow(run: RunRecord, one: CaseCount): Readonly<Record<keyof typeof caseColumns, unknown>> {
  return {
    run_id: run.runId,
    case_name: one.name,
    title: one.title,
    rows: one.rows,
    started: iso(run.createdMs),
    ended: iso(run.endedMs),
    status: run.status,
    error: run.error?.name ?? null,
  };
}

async function countUnits(
  world: World,
  run: RunRecord,
  plan: Plan | undefined,
): Promise<ReadonlyMap<string, unknown>> {
  const counts = new Map<string, number>();
  const add = (name: string, rows: unknown) => {
    if (typeof rows === 'number') counts.set(name, (counts.get(name) ?? 0) + rows);
  };
  for (const stage of plan?.stages ?? []) {
    for await (const { unit } of stageItems(world.results, stage.items)) {
      const record = await world.state.checkpoints.get(run.runId, stage.name, unit);
      if (record === undefined) continue;
      const saved: unknown = JSON.parse(new TextDecoder().decode(await world.results.read(record.location)));
      const outcome = isRecord(saved) && isRecord(saved.result) ? saved.result.outcome : undefined;
      if (!isRecord(outcome)) continue;
      if (isRecord(outcome.cases)) for (const [name, rows] of Object.entries(outcome.cases)) add(name, rows);
      for (const file of Array.isArray(outcome.files) ? outcome.files : []) {
        if (isRecord(file)) add('patched', Number(file.rowsChanged ?? 0) - Number(file.ownRowsChanged ?? 0));
      }
    }
  }
  return counts;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function iso(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : new Date(epochMs).toISOString().slice(0, 23).replace('T', ' ');
}
