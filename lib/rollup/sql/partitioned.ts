import type { Dialect } from '../../engine/dialect.ts';
import type { RollupRules } from '../rules.ts';
import type { RollupSpec } from '../types.ts';
import { livingTails, pointRows } from './series.ts';
import { delta, measures, mergeable, windowOf } from './windows.ts';

/**
 * From points to base windows for an engine that divides the rows of a unit over workers: what `windows.ts` does on one
 * thread with rows that are sorted as a whole. Points are divided by series and base window, so that a series with most of
 * the points is not one worker's alone; the few rows of base windows are divided by series.
 */

/** Points without duplicates: (id, w, ts, v, m), `m` points of that series and time. Of them the one with the greatest `o` counts. */
export function distinctPoints(
  dialect: Dialect,
  spec: Pick<RollupSpec, 'closedBeforeMs' | 'watermarkMs'>,
  rules: RollupRules,
): string {
  const points = `SELECT id, ${windowOf('ts', rules.baseMs)} AS w, ts, v, o FROM (${pointRows(spec, rules)})`;
  return (
    `SELECT id, w, ts, ${dialect.maxBy('v', 'o')} AS v, count(*) AS m ` +
    `FROM (SELECT * FROM (${points}) DISTRIBUTE BY id, w) GROUP BY id, w, ts`
  );
}

/**
 * Those of `ordered` by base window: mergeable rows. The point before the first one of a window is the last one of the
 * window before, or the tail. @param closes of a row of `ordered` whether it is one of them
 */
export function boundBaseRows(
  dialect: Dialect,
  spec: Pick<RollupSpec, 'closedBeforeMs'>,
  rules: RollupRules,
  closes: string,
): string {
  const inside = 'OVER (PARTITION BY id, w ORDER BY ts)';
  const points = `SELECT id, w, ts, v, ${before('v', 'ts', inside, rules)} AS p FROM ordered WHERE ${closes}`;
  const rows = `SELECT id, w, ${measures(dialect, true)} FROM (${points}) GROUP BY id, w`;
  const none = (name: string) => (name === 's' || name === 'inc' ? dialect.wide('NULL') : 'NULL');
  const tailed: Readonly<Record<string, string>> = { id: 'id', n: '0', ft: 'ts', lt: 'ts', lv: 'v' };
  const tails = mergeable.split(', ').map((name) => `${tailed[name] ?? none(name)} AS ${name}`);
  const all = `${rows} UNION ALL SELECT ${tails.join(', ')} FROM tails WHERE ${livingTails(spec.closedBeforeMs, rules)}`;
  const across = 'OVER (PARTITION BY id ORDER BY ft)';
  const bound: Readonly<Record<string, string>> = {
    inc: `${dialect.wide(`inc + ${delta('fv', dialect.wide('fv'))}`)} AS inc`,
    rs: 'rs + CASE WHEN fv < p THEN 1 ELSE 0 END AS rs',
  };
  const columns = mergeable.split(', ').map((name) => bound[name] ?? name);
  return (
    `SELECT ${columns.join(', ')} FROM (SELECT *, ${before('lv', 'lt', across, rules, 'ft')} AS p FROM (${all})) ` +
    'WHERE n > 0'
  );
}

/** The value of the row before; NULL for the first row and after a gap above `maxGap`. */
function before(
  value: string,
  time: string,
  over: string,
  { maxGapMs }: Pick<RollupRules, 'maxGapMs'>,
  own = time,
): string {
  if (maxGapMs === undefined) return `lag(${value}) ${over}`;
  return `CASE WHEN ${own} - lag(${time}) ${over} <= ${maxGapMs} THEN lag(${value}) ${over} END`;
}
