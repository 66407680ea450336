import type { AuditReport } from '../../run/workload.ts';

/** Only of a run whose buckets were checked in units. */
const coverage = 'checked files';

/** Every check by name, in the order of the report. A check that had nothing to look at passes with 0 checked. */
const checkNames = [
  coverage,
  'file counts',
  'row balance',
  'inserted keys',
  'carried rows',
  'position deletes',
  'array length',
  'array[0]',
  'grids',
  'months of cells',
  'values',
  'array chain',
  'latest rows',
  'latest is newest',
  'tombstones',
  'feed overrides',
  'sample',
] as const;
export type CheckName = (typeof checkNames)[number];

/** What a check tells. */
export interface Noted {
  checked(name: CheckName, count: number): void;
  /** `detail` names the file, key, month, what was expected and what was found. */
  failed(name: CheckName, detail: string): void;
}

/** What one check has found, plain JSON. */
export interface FoundCheck {
  readonly name: CheckName;
  readonly checked: number;
  readonly failures: number;
  /** Details of the first few failures. */
  readonly shown: readonly string[];
}

/** What the checks have seen so far; shared by the buckets that are checked side by side. */
export interface Findings extends Noted {
  /** Adds what was found elsewhere. */
  take(parts: readonly FoundCheck[]): void;
  /** Of the checks that had something to look at. */
  parts(): readonly FoundCheck[];
  report(facts: Readonly<Record<string, unknown>>): AuditReport;
}

/** Failures beyond this many per check are counted only. */
const shownFailures = 5;

export function findings(): Findings {
  const counts = new Map<CheckName, { checked: number; failures: number; shown: string[] }>();
  const of = (name: CheckName) => {
    const found = counts.get(name) ?? { checked: 0, failures: 0, shown: [] };
    counts.set(name, found);
    return found;
  };
  return {
    checked: (name, count) => {
      of(name).checked += count;
    },
    failed: (name, detail) => {
      const found = of(name);
      found.failures += 1;
      if (found.shown.length < shownFailures) found.shown.push(detail);
    },
    take: (parts) => {
      for (const { name, checked, failures, shown } of parts) {
        const found = of(name);
        found.checked += checked;
        found.failures += failures;
        found.shown.push(...shown.slice(0, Math.max(0, shownFailures - found.shown.length)));
      }
    },
    parts: () => [...counts].map(([name, found]) => ({ name, ...found })),
    report: (facts) => {
      const names = checkNames.filter((name) => name !== coverage || counts.has(name));
      const checks = names.map((name) => {
        const { checked, failures, shown } = of(name);
        const more = failures > shown.length ? `; and ${failures - shown.length} more` : '';
        return {
          name,
          passed: failures === 0,
          checked,
          ...(failures === 0 ? {} : { detail: `${shown.toSorted().join('; ')}${more}` }),
        };
      });
      return { passed: checks.every((check) => check.passed), checks, facts };
    },
  };
}
