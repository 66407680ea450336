import type { EngineSession } from '../engine/engine.ts';
import { IntegrityError } from '../errors.ts';
import type { RollupRules } from './rules.ts';
import {
  arrivingLabels,
  firstLabels,
  inTime,
  knownLabels,
  olderLabels,
  sortedPoints,
  waitingLabels,
} from './sql/series.ts';
import { disorder, orderedPoints } from './sql/windows.ts';
import type { PointCounts, RollupSpec } from './types.ts';

/** Makes tables `ordered` (id, ts, v, kind, p) and `labels` (id, l0, …) of the unit's series. */
export async function orderSeries(
  session: EngineSession,
  spec: RollupSpec,
  rules: RollupRules,
  labels: readonly string[],
): Promise<void> {
  await session.execute(`CREATE TEMP TABLE points AS ${sortedPoints(spec, rules)}`);
  const [broken] = await session.query(disorder);
  if (Number(broken?.['n']) > 0)
    throw new IntegrityError('the engine does not read a sorted table in its order', {
      safe: 'nothing was published',
    });
  await session.execute(`CREATE TEMP TABLE ordered AS ${orderedPoints(rules)}`);
  await makeLabels(session, spec, rules, labels);
}

async function makeLabels(
  session: EngineSession,
  spec: RollupSpec,
  rules: RollupRules,
  labels: readonly string[],
): Promise<void> {
  const names = labels.join(', ');
  await session.execute(`CREATE TEMP TABLE labels AS ${knownLabels(names, spec, rules)}`);
  await session.execute(
    `CREATE TEMP TABLE fresh AS SELECT * FROM (${arrivingLabels(names, spec, rules)}) WHERE id NOT IN (SELECT id FROM labels)`,
  );
  await session.execute(
    'CREATE TEMP TABLE disagreeing AS SELECT id FROM fresh GROUP BY id HAVING count(*) > 1',
  );
  await session.execute(
    `INSERT INTO labels SELECT id, ${names} FROM fresh WHERE id NOT IN (SELECT id FROM disagreeing)`,
  );
  const [disagreeing] = await session.query('SELECT count(*) AS n FROM disagreeing');
  if (Number(disagreeing?.['n']) > 0)
    await session.execute(`INSERT INTO labels ${firstLabels(labels, spec, rules)}`);
  await session.execute(`INSERT INTO labels ${waitingLabels(labels)}`);
  await session.execute(`CREATE TEMP TABLE older AS ${olderLabels(labels)}`);
}

/** Counts for people and for the audit. `closed` says of a time whether its base window is closed by the batch. */
export async function countPoints(
  session: EngineSession,
  spec: RollupSpec,
  rules: RollupRules,
  closed: string,
): Promise<Omit<PointCounts, 'resets'>> {
  const late = spec.closedBeforeMs === null ? 'false' : `ts <= ${spec.closedBeforeMs}`;
  const [arrived] = await session.query(
    `SELECT count(*) AS n, count(*) FILTER (${late}) AS late, count(*) FILTER (NOT (${inTime(spec, rules)})) AS away FROM arriving`,
  );
  const [sorted] = await session.query('SELECT count(*) FILTER (kind = 1) AS n FROM points');
  const [kept] = await session.query(
    `SELECT count(*) FILTER (${closed}) AS closed, count(*) FILTER (NOT (${closed})) AS hot FROM ordered WHERE kind = 1`,
  );
  const [hot] = await session.query('SELECT count(*) AS n FROM hot');
  const [series] = await session.query(
    `SELECT count(*) AS n, max(n) AS largest FROM (SELECT id, sum(n) AS n FROM base GROUP BY id)`,
  );
  const tooLate = Number(arrived?.['late']);
  return {
    arrived: Number(arrived?.['n']),
    tooLate,
    tooFar: Number(arrived?.['away']) - tooLate,
    duplicates: Number(sorted?.['n']) - Number(kept?.['closed']) - Number(kept?.['hot']),
    hotBefore: Number(hot?.['n']),
    hotAfter: Number(kept?.['hot']),
    closed: Number(kept?.['closed']),
    series: Number(series?.['n']),
    largestSeries: Number(series?.['largest'] ?? 0),
  };
}

/** Borders of the histogram of lateness, in milliseconds before the batch's end. */
const borders = [
  0,
  1e3,
  10e3,
  60e3,
  300e3,
  900e3,
  3_600e3,
  6 * 3_600e3,
  86_400e3,
  7 * 86_400e3,
  30 * 86_400e3,
];

/** How long before the end of the batch its points lie: what a person needs to choose the lateness. */
export async function latenessOf(
  session: EngineSession,
  { watermarkMs }: Pick<RollupSpec, 'watermarkMs'>,
): Promise<readonly (readonly [fromMs: number, points: number])[]> {
  const bucket = borders
    .toReversed()
    .map((border) => `WHEN ${watermarkMs} - ts >= ${border} THEN ${border}`)
    .join(' ');
  const rows = await session.query(
    `SELECT CASE ${bucket} ELSE -1 END AS since, count(*) AS n FROM arriving GROUP BY ALL ORDER BY ALL`,
  );
  return rows.map((row) => [Number(row['since']), Number(row['n'])] as const);
}
