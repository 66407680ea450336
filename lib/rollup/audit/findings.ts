import type { AuditReport } from '../../run/workload.ts';

/** Checks by name, in the order of their first mention. */
export interface Findings {
  checked(name: string, count: number): void;
  /** `detail` names the file, series, resolution and window, what was expected and what was found. */
  failed(name: string, detail: string): void;
  /** Fails the check unless both are the same. */
  same(name: string, what: string, expected: bigint | number | string, found: bigint | number | string): void;
  hasFailed(): boolean;
  report(facts: Readonly<Record<string, unknown>>): AuditReport;
}

/** Failures beyond this many per check are counted only. */
const shownFailures = 5;

export function findings(): Findings {
  const counts = new Map<string, { checked: number; failures: number; shown: string[] }>();
  const of = (name: string) => {
    const found = counts.get(name) ?? { checked: 0, failures: 0, shown: [] };
    counts.set(name, found);
    return found;
  };
  const failed = (name: string, detail: string) => {
    const found = of(name);
    found.failures += 1;
    if (found.shown.length < shownFailures) found.shown.push(detail);
  };
  return {
    checked: (name, count) => {
      of(name).checked += count;
    },
    failed,
    same: (name, what, expected, found) => {
      if (String(expected) !== String(found)) failed(name, `${what}: expected ${expected}, found ${found}`);
    },
    hasFailed: () => [...counts.values()].some((one) => one.failures > 0),
    report: (facts) => {
      const checks = [...counts].map(([name, { checked, failures, shown }]) => {
        const more = failures > shown.length ? `; and ${failures - shown.length} more` : '';
        return {
          name,
          passed: failures === 0,
          checked,
          ...(failures === 0 ? {} : { detail: `${shown.join('; ')}${more}` }),
        };
      });
      return { passed: checks.every((check) => check.passed), checks, facts };
    },
  };
}
