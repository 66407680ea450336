/** How compiled units are spread over runs of Spark. */
export interface GroupLimits {
  /** A further run only pays off, with its minute of starting up, above so many bytes in each. */
  readonly leastRunBytes: number;
  /** Runs beyond what is below only make sense where they run at once. */
  readonly mostRuns: number;
  /** A run of more would be cut off by the job's timeout. More runs than `mostRuns` if it has to be. */
  readonly mostRunBytes: number;
}

/**
 * Few groups of about equal bytes: the largest units first, each to the group that has least so far. A unit of more than
 * `mostRunBytes` is in a group by itself.
 */
export function spreadOverRuns<Unit extends { readonly bytes: number }>(
  units: readonly Unit[],
  limits: GroupLimits,
): readonly (readonly Unit[])[] {
  if (units.length === 0) return [];
  const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0);
  const useful = Math.min(limits.mostRuns, Math.floor(bytes / limits.leastRunBytes));
  const needed = Math.ceil(bytes / limits.mostRunBytes);
  const groups: Group<Unit>[] = Array.from(
    { length: Math.max(1, Math.min(units.length, Math.max(useful, needed))) },
    () => ({ bytes: 0, units: [] }),
  );
  for (const unit of units.toSorted((a, b) => b.bytes - a.bytes)) {
    const least = groups.reduce((a, b) => (b.bytes < a.bytes ? b : a));
    const group = least.bytes > 0 && least.bytes + unit.bytes > limits.mostRunBytes ? another(groups) : least;
    group.bytes += unit.bytes;
    group.units.push(unit);
  }
  return groups.flatMap((group) => (group.units.length > 0 ? [group.units] : []));
}

interface Group<Unit> {
  bytes: number;
  readonly units: Unit[];
}

function another<Unit>(groups: Group<Unit>[]): Group<Unit> {
  const group: Group<Unit> = { bytes: 0, units: [] };
  groups.push(group);
  return group;
}
