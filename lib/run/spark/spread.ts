/** How units are spread over runs of Spark; seconds are CPU seconds of a core. */
export interface GroupLimits {
  /** A further run only pays off, with its minute of starting up, above so much work in each. */
  readonly leastRunSeconds: number;
  /** Runs beyond what is below only make sense where they run at once. */
  readonly mostRuns: number;
  /** A run of more would be cut off by the job's timeout. More runs than `mostRuns` if it has to be. */
  readonly mostRunSeconds: number;
}

/** What there is to do by all units together. */
export interface SpreadTotals {
  readonly coreSeconds: number;
  /** Groups of about the same work; a few more where units do not fill them. */
  readonly runs: number;
}

/**
 * Says of unit after unit, in their order, which group it is in, from 0 on: groups are of neighbours and differ by a unit at
 * most, unless one more unit would be too much for a run. A unit of more than `mostRunSeconds` is in a group by itself. Knows
 * the totals and where it is, and nothing of the units before.
 */
export function spreader(
  { coreSeconds, runs }: SpreadTotals,
  { mostRunSeconds }: Pick<GroupLimits, 'mostRunSeconds'>,
): (unitSeconds: number) => number {
  const share = coreSeconds / runs;
  let group = 0;
  let inGroup = 0;
  let units = 0;
  let passed = 0;
  return (unitSeconds) => {
    const isFull = passed + unitSeconds / 2 > share * (group + 1) && group < runs - 1;
    const isTooMuch = inGroup + unitSeconds > mostRunSeconds;
    if (units > 0 && (isFull || isTooMuch)) {
      group += 1;
      inGroup = 0;
      units = 0;
    }
    passed += unitSeconds;
    inGroup += unitSeconds;
    units += 1;
    return group;
  };
}
