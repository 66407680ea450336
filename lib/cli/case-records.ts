import type { RunRecord } from '../stores/ports.ts';

/** Rows changed per run and case, from the facts that the audit and the publish left in the run record. */
export const caseColumns = {
  run_id: 'VARCHAR',
  case_name: 'VARCHAR',
  rows: 'BIGINT',
  started: 'TIMESTAMP',
  ended: 'TIMESTAMP',
  status: 'VARCHAR',
} as const;

/** What the cases are called for people. */
export const caseTitles: Readonly<Record<string, string>> = {
  caseI: 'I   first month of a new key',
  caseII: 'II  newer than the newest',
  caseIIIInsert: 'III month in the past, new',
  caseIIIUpdate: 'III month in the past, replaced',
  caseIV: 'IV  further months of a new key',
  delete: 'deletes',
  tombstone: 'deletes of months not stored',
  stale: 'stale, changed nothing',
  duplicate: 'duplicates',
  revived: 'deleted months alive again',
};

export function caseRows(run: RunRecord): readonly Readonly<Record<string, unknown>>[] {
  return casesOf(run).map(([name, rows]) => ({
    run_id: run.runId,
    case_name: name,
    rows,
    started: iso(run.createdMs),
    ended: iso(run.endedMs),
    status: run.status,
  }));
}

/** Cases with their counts, in the order of the titles; those without a row are left out. */
export function casesOf(run: RunRecord): readonly (readonly [name: string, rows: number])[] {
  const counts = findCases(run.facts);
  if (counts === undefined) return [];
  return Object.keys(caseTitles).flatMap((name): readonly (readonly [string, number])[] => {
    const rows = Number(counts[name] ?? 0);
    return rows > 0 ? [[name, rows]] : [];
  });
}

function findCases(facts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const direct = facts.cases;
  if (isRecord(direct)) return direct;
  const audit = facts.audit;
  return isRecord(audit) && isRecord(audit.cases) ? audit.cases : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function iso(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : new Date(epochMs).toISOString().slice(0, 23).replace('T', ' ');
}
