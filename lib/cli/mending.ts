import type { AuditReport } from '../run/workload.ts';
import type { WrongArrays } from '../summary/verify/wrong-arrays.ts';

/** Checks whose failure a rebuild mends. */
const ofArrays: readonly string[] = ['array length', 'array[0]', 'grids', 'array chain'];

/** What to type after a verification that failed, in this order. What a repair does not mend has more than one cause. */
export function mendingCommands({ checks, facts }: AuditReport): readonly string[] {
  const failed = checks.filter(({ passed }) => !passed).map(({ name }) => name);
  const isLatest = (name: string) => name.startsWith('latest');
  const wrong = facts['wrongArrays'] as WrongArrays | undefined;
  const hasArrays = failed.some((name) => ofArrays.includes(name));
  const isMended = failed.every((name) => isLatest(name) || ofArrays.includes(name));
  if (!isMended || (hasArrays && wrong === undefined)) return ['partwise doctor'];
  return [
    ...(wrong === undefined ? [] : [`partwise rebuild ${scopeOf(wrong)} --dry-run`]),
    // A rebuild brings latest in line where it looks.
    ...(failed.some(isLatest) ? ['partwise repair latest --all --dry-run'] : []),
  ];
}

/** A few keys by name, where a shell takes them as they are; else the months. */
function scopeOf({ keys, some, first, last }: WrongArrays): string {
  const areNamed = keys === some.length && some.every((key) => /^(?!--)[\w.:@+-]+$/.test(key));
  if (areNamed) return some.map((key) => `--key ${key}`).join(' ');
  return `--month ${first === last ? first : `${first}..${last}`}`;
}
