import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { IntegrityError } from '../../errors.ts';
import type { RollupRules } from '../rules.ts';
import {
  firstLabels,
  isPoint,
  knownLabels,
  olderLabels,
  sortedPoints,
  waitingLabels,
} from '../sql/series.ts';
import { disorder, orderedPoints } from '../sql/windows.ts';
import type { PointCounts, RollupSpec } from '../types.ts';

type SeriesOf = Pick<RollupSpec, 'closedBeforeMs' | 'watermarkMs'>;

/** Makes tables `ordered` (id, ts, v, r) and `labels` (id, l0, …) of the unit's series. */
export async function orderSeries(
  session: EngineSession,
  spec: SeriesOf,
  rules: RollupRules,
  labels: readonly string[],
): Promise<void> {
  await session.execute(`CREATE TEMP TABLE ordered AS ${orderedPoints(sortedPoints(spec, rules))}`);
  const [broken] = await session.query(disorder);
  if (Number(broken?.['n']) > 0)
    throw new IntegrityError('the engine does not read a sorted table in its order', {
      safe: 'nothing was published',
    });
  await makeLabels(session, spec, rules, labels);
}

async function makeLabels(
  session: EngineSession,
  spec: SeriesOf,
  rules: RollupRules,
  labels: readonly string[],
): Promise<void> {
  const names = labels.join(', ');
  await session.execute(`CREATE TEMP TABLE labels AS ${knownLabels(names, spec, rules)}`);
  await session.execute(`INSERT INTO labels ${firstLabels(duckDb, labels, 'labels')}`);
  await session.execute(`INSERT INTO labels ${waitingLabels(labels, ['labels'])}`);
  await session.execute(`CREATE TEMP TABLE older AS ${olderLabels(labels)}`);
}

/** Counts for people and for the audit. `closed` says of a time whether its base window is closed by the batch. */
export async function countPoints(
  session: EngineSession,
  spec: SeriesOf,
  closed: string,
): Promise<Omit<PointCounts, 'arrived' | 'tooLate' | 'tooFar'> & { readonly inTime: number }> {
  const point = isPoint(spec);
  const [kept] = await session.query(
    `SELECT max(r) AS sorted, count(*) FILTER (NOT (${point})) AS tails, count(*) FILTER (${point} AND ${closed}) AS closed, count(*) FILTER (${point} AND NOT (${closed})) AS hot FROM ordered`,
  );
  const [hot] = await session.query('SELECT count(*) AS n FROM hot');
  const [series] = await session.query(
    'SELECT count(*) AS n, max(n) AS largest, sum(rs) AS resets FROM (SELECT id, sum(n) AS n, sum(rs) AS rs FROM base GROUP BY id)',
  );
  const hotBefore = Number(hot?.['n']);
  const points = Number(kept?.['sorted'] ?? 0) - Number(kept?.['tails']);
  return {
    inTime: points - hotBefore,
    duplicates: points - Number(kept?.['closed']) - Number(kept?.['hot']),
    hotBefore,
    hotAfter: Number(kept?.['hot']),
    closed: Number(kept?.['closed']),
    resets: Number(series?.['resets'] ?? 0),
    series: Number(series?.['n']),
    largestSeries: Number(series?.['largest'] ?? 0),
  };
}
