import { type RollupAudit, refusals, whole } from './context.ts';
import { auditDistinct } from './distinct.ts';
import { smaller, type Totals } from './rows.ts';

const none: Totals = { n: 0n, s: 0n, inc: 0n, rs: 0n, mn: undefined, mx: undefined };

interface ByResolution {
  readonly published: ReadonlyMap<number, Totals>;
  readonly partBefore: ReadonlyMap<number, Totals>;
  readonly partAfter: ReadonlyMap<number, Totals>;
}

/** No point is lost, made up or counted twice on its way into every resolution. */
export async function auditConservation(audit: RollupAudit, sums: ByResolution): Promise<void> {
  const { session, findings, counted: prepared, rules, reported } = audit;
  const { late, far } = refusals(audit);
  // Three groups cost less than a filter on each sum.
  const [points] = await session.query(
    `SELECT coalesce(sum(n), 0) AS arrived, sum(n) FILTER (kind = 1) AS late, sum(n) FILTER (kind = 2) AS far,
      any_value(n) FILTER (kind = 0) AS n, any_value(s) FILTER (kind = 0) AS s, any_value(mn) FILTER (kind = 0) AS mn, any_value(mx) FILTER (kind = 0) AS mx
      FROM (SELECT CASE WHEN ${late} THEN 1 WHEN ${far} THEN 2 ELSE 0 END AS kind, count(*) AS n, sum(v) AS s, min(v) AS mn, max(v) AS mx FROM points_all GROUP BY kind)`,
  );
  const of = async (view: string) =>
    (await session.query(`SELECT count(*) AS n, sum(v) AS s, min(v) AS mn, max(v) AS mx FROM ${view}`))[0];
  const [arrived, before, after] = [points, await of('hot_before'), await of('hot_after')];
  const check = 'points are conserved';
  findings.checked(check, Number(whole(points, 'arrived')));
  findings.same(check, 'points that arrived', prepared.points, whole(points, 'arrived'));
  findings.same(check, 'points refused', prepared.refused, whole(points, 'late') + whole(points, 'far'));
  const accepted = whole(arrived, 'n') + whole(before, 'n');
  const closed = (resolution: number): Totals => minus(sums, resolution);
  const [first] = rules.resolutionsMs;
  if (first === undefined) return;
  const base = closed(first);
  const duplicates = accepted - base.n - whole(after, 'n');
  if (duplicates < 0n)
    findings.failed(
      check,
      `resolution ${first}: ${accepted} points in time and waiting, found ${base.n} closed and ${whole(after, 'n')} open`,
    );
  for (const resolution of rules.resolutionsMs) {
    const one = closed(resolution);
    const label = `resolution ${resolution}`;
    findings.same(check, `${label}: count of what closes`, base.n, one.n);
    findings.same('sums are conserved', `${label}: sum of what closes`, base.s, one.s);
    findings.same('increase is conserved', `${label}: increase of what closes`, base.inc, one.inc);
    findings.same('increase is conserved', `${label}: resets of what closes`, base.rs, one.rs);
    if (duplicates === 0n)
      findings.same(
        'sums are conserved',
        `${label}: sum of points`,
        whole(arrived, 's') + whole(before, 's') - whole(after, 's'),
        one.s,
      );
    bounds(audit, resolution, sums, [arrived ?? {}, before ?? {}]);
  }
  findings.checked('sums are conserved', rules.resolutionsMs.length);
  findings.checked('increase is conserved', rules.resolutionsMs.length);
  await auditDistinct(audit, first, accepted);
  if (reported === undefined) return;
  const counted = {
    arrived: whole(points, 'arrived'),
    tooLate: whole(points, 'late'),
    tooFar: whole(points, 'far'),
    duplicates,
    hotBefore: whole(before, 'n'),
    hotAfter: whole(after, 'n'),
    closed: base.n,
    resets: base.rs,
  };
  findings.checked('reported counts', Object.keys(counted).length);
  for (const [name, count] of Object.entries(counted))
    findings.same('reported counts', name, count, reported[name as keyof typeof counted]);
}

/** What the batch brought into a resolution: published and still waiting, less what waited before. */
function minus({ published, partBefore, partAfter }: ByResolution, resolution: number): Totals {
  const [a, b, c] = [published, partAfter, partBefore].map((one) => one.get(resolution) ?? none);
  if (a === undefined || b === undefined || c === undefined) return none;
  return {
    ...none,
    n: a.n + b.n - c.n,
    s: a.s + b.s - c.s,
    inc: a.inc + b.inc - c.inc,
    rs: a.rs + b.rs - c.rs,
  };
}

function bounds(
  { findings }: RollupAudit,
  resolution: number,
  { published, partAfter, partBefore }: ByResolution,
  inputs: readonly Readonly<Record<string, unknown>>[],
): void {
  const known = (value: unknown) =>
    value === null || value === undefined ? undefined : BigInt(String(value));
  const waited = partBefore.get(resolution) ?? none;
  const made = [published.get(resolution) ?? none, partAfter.get(resolution) ?? none];
  const least = inputs.reduce((low, one) => smaller(low, known(one['mn'])), waited.mn);
  const negative = (value: bigint | undefined) => (value === undefined ? undefined : -value);
  const most = negative(
    inputs.reduce((low, one) => smaller(low, negative(known(one['mx']))), negative(waited.mx)),
  );
  findings.checked('bounds', made.length);
  for (const { mn, mx } of made)
    if (
      (mn !== undefined && (least === undefined || mn < least)) ||
      (mx !== undefined && (most === undefined || mx > most))
    )
      findings.failed(
        'bounds',
        `resolution ${resolution}: expected values within ${least}..${most}, found ${mn}..${mx}`,
      );
}
