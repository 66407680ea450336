import type { EngineSession } from '../../engine/engine.ts';
import type { ObjectStore } from '../../stores/ports.ts';
import type { RollupShape } from '../columns.ts';
import type { RollupRules } from '../rules.ts';
import { edgeOf } from './context.ts';
import type { Findings } from './findings.ts';
import { rowName } from './rows.ts';
import { sketchesMerge } from './verify-sketches.ts';
import type { Partition } from './verify-tables.ts';
import { publishedView } from './views.ts';

const dayMs = 86_400_000;

/** No (series, resolution, window) is there twice. A window has one partition, so partitions can be looked at alone. */
export async function uniqueInPartition(session: EngineSession, found: Findings): Promise<void> {
  const check = 'unique windows';
  const [all] = await session.query('SELECT count(*) AS n FROM published');
  found.checked(check, Number(all?.['n'] ?? 0));
  const twice = await session.query(
    'SELECT resolution, id, w, count(*) AS n FROM published GROUP BY resolution, id, w HAVING count(*) > 1 ORDER BY ALL LIMIT 6',
  );
  for (const row of twice) found.failed(check, `${rowName(row)}: expected 1 row, found ${row['n']}`);
}

interface MergesOptions {
  readonly session: EngineSession;
  readonly findings: Findings;
  readonly store: ObjectStore;
  readonly shape: RollupShape;
  readonly rules: RollupRules;
  readonly partitions: readonly Partition[];
  readonly partition: Partition;
  readonly closedAfterMs: number | null;
}

const columns = ['n', 's', 'mn', 'mx', 'ft', 'fv', 'lt', 'lv', 'inc', 'rs'];

/**
 * Rows of the partition, which `published` shows, are the merge of the rows of the coarsest finer resolution that divides
 * theirs: a point is in all resolutions or in none, and a closed window has only closed ones in it.
 */
export async function mergesOfPartition(options: MergesOptions): Promise<void> {
  const { session, findings: found, rules, partition, closedAfterMs } = options;
  const { resolutionMs } = partition;
  const finer = rules.resolutionsMs.findLast((one) => one < resolutionMs && resolutionMs % one === 0);
  if (finer === undefined || closedAfterMs === null) return;
  const next = new Date(partition.day * dayMs);
  if (resolutionMs >= 3_600_000) next.setUTCMonth(next.getUTCMonth() + 1);
  else next.setUTCDate(next.getUTCDate() + 1);
  const [from, to] = [partition.day * dayMs, next.getTime()];
  // A bucket of the finer resolution is a month long at most.
  const files = options.partitions.filter(
    (one) =>
      one.resolutionMs === finer &&
      one.day * dayMs < to &&
      (one.day + (finer >= 3_600_000 ? 31 : 1)) * dayMs > from - resolutionMs,
  );
  await publishedView({ ...options, name: 'finer', files: files.flatMap((one) => one.files) });
  const edge = edgeOf('w', resolutionMs);
  const inside = `${edge} >= ${from} AND ${edge} < ${to} AND ${edge} <= ${closedAfterMs}`;
  const merged = `SELECT id, ${edge} AS w, CAST(sum(n) AS BIGINT) AS n, sum(s) AS s, min(mn) AS mn, max(mx) AS mx, min(ft) AS ft, arg_min(fv, ft) AS fv,
    max(lt) AS lt, arg_max(lv, lt) AS lv, sum(inc) AS inc, CAST(sum(rs) AS BIGINT) AS rs FROM finer
    WHERE ${inside} GROUP BY ALL`;
  const differs = columns.map((name) => `a.${name} IS DISTINCT FROM b.${name}`).join(' OR ');
  const bad = await session.query(
    `SELECT coalesce(a.id, b.id) AS id, ${resolutionMs} AS resolution, coalesce(a.w, b.w) AS w, ${columns.map((name) => `a.${name}, b.${name} AS b_${name}`).join(', ')}
     FROM published AS a FULL JOIN (${merged}) AS b ON a.id = b.id AND a.w = b.w WHERE ${differs} ORDER BY id, w LIMIT 6`,
  );
  const check = 'coarser windows';
  found.checked(
    check,
    partition.files.reduce((sum, file) => sum + file.rows, 0),
  );
  for (const row of bad) {
    const different = columns.filter((name) => String(row[name]) !== String(row[`b_${name}`]));
    const say = (prefix: string) => different.map((name) => `${name} ${row[`${prefix}${name}`]}`).join(', ');
    found.failed(
      check,
      `${rowName(row)}: expected ${say('b_')} of the rows of ${finer} ms, found ${say('')}`,
    );
  }
  await sketchesMerge({ ...options, sketch: options.shape.sketch }, { resolutionMs, edge, where: inside });
}
