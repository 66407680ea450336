import type { Dialect } from '../../engine/dialect.ts';
import type { RollupRules } from '../rules.ts';
import type { RollupSpec } from '../types.ts';

/** Points of the batch that count: not too late for the windows that are closed, not too far in the future. */
export function inTime(
  { closedBeforeMs, watermarkMs }: Pick<RollupSpec, 'closedBeforeMs' | 'watermarkMs'>,
  { maxFutureMs }: Pick<RollupRules, 'maxFutureMs'>,
): string {
  return [
    'true',
    ...(closedBeforeMs === null ? [] : [`ts > ${closedBeforeMs}`]),
    ...(maxFutureMs === undefined ? [] : [`ts <= ${watermarkMs + maxFutureMs}`]),
  ].join(' AND ');
}

/** Tails that may still be continued; one whose next point comes after a gap anyway is forgotten, labels and all. */
export function livingTails(closedMs: number | null, { maxGapMs }: Pick<RollupRules, 'maxGapMs'>): string {
  return closedMs === null || maxGapMs === undefined ? 'true' : `${closedMs} - ts < ${maxGapMs}`;
}

/** Points that are in no row, with their batch and the reason: (batch, reason, id, ts, v, q, l0, …). */
export function refusedPoints(
  spec: Pick<RollupSpec, 'batch' | 'closedBeforeMs' | 'watermarkMs'>,
  rules: Pick<RollupRules, 'maxFutureMs'>,
): string {
  const late = spec.closedBeforeMs === null ? 'false' : `ts <= ${spec.closedBeforeMs}`;
  return `SELECT CAST(${spec.batch} AS BIGINT) AS batch, CASE WHEN ${late} THEN 'too late' ELSE 'too far' END AS reason, * FROM arriving WHERE NOT (${inTime(spec, rules)})`;
}

/**
 * The points of the unit: what waited and what arrived (id, ts, v, o). Of points of one time the one with the greatest `o`
 * counts: points that waited were ingested before those that arrive.
 */
export function pointRows(
  spec: Pick<RollupSpec, 'closedBeforeMs' | 'watermarkMs'>,
  rules: RollupRules,
): string {
  const [waited, arrived] = rules.duplicates === 'first' ? ['1', '-q'] : ['-1', 'q'];
  return (
    `SELECT id, ts, v, ${arrived} AS o FROM arriving WHERE ${inTime(spec, rules)} ` +
    `UNION ALL SELECT id, ts, v, ${waited} FROM hot`
  );
}

/** All points of the unit and the last closed point of each series, sorted. Of points of one time the one that counts comes last. */
export function sortedPoints(
  spec: Pick<RollupSpec, 'closedBeforeMs' | 'watermarkMs'>,
  rules: RollupRules,
): string {
  return (
    `SELECT id, ts, v FROM (${pointRows(spec, rules)} ` +
    `UNION ALL SELECT id, ts, v, 0 FROM tails WHERE ${livingTails(spec.closedBeforeMs, rules)}) ` +
    `ORDER BY id, ts, o`
  );
}

/** Whether a row of `ordered` is a point of this or an earlier batch whose window was open, not a series' last closed point. */
export function isPoint({ closedBeforeMs }: Pick<RollupSpec, 'closedBeforeMs'>): string {
  return closedBeforeMs === null ? 'true' : `ts > ${closedBeforeMs}`;
}

/** Labels of every series that may be continued: (id, l0, …). A series is forgotten with its tail, not with its open windows. */
export function knownLabels(
  labels: string,
  spec: Pick<RollupSpec, 'closedBeforeMs'>,
  rules: RollupRules,
): string {
  return (
    `SELECT DISTINCT id, ${labels} FROM (SELECT id, ${labels} FROM tails WHERE ${livingTails(spec.closedBeforeMs, rules)} ` +
    `UNION ALL SELECT id, ${labels} FROM hot)`
  );
}

/** Labels of series that the batch begins, and that are not `known`: those of the first point by ingest. */
export function firstLabels(dialect: Dialect, labels: readonly string[], known: string): string {
  const struct = dialect.record(Object.fromEntries(labels.map((name) => [name, name])));
  return (
    `SELECT id, ${labels.map((name) => `first.${name} AS ${name}`).join(', ')} FROM ` +
    `(SELECT id, ${dialect.minBy(struct, 'q')} AS first FROM arriving_labels ANTI JOIN ${known} USING (id) GROUP BY id)`
  );
}

/** Labels of series that only open windows are left of; which of them does not matter, since every open window has its own. */
export function waitingLabels(labels: readonly string[], known: readonly string[]): string {
  const without = known.map((table) => ` ANTI JOIN ${table} USING (id)`).join('');
  return `SELECT id, ${labels.map((name) => `first(${name}) AS ${name}`).join(', ')} FROM part${without} GROUP BY id`;
}

/** Open windows from before their series was forgotten and begun anew under other labels: they keep the earlier ones. */
export function olderLabels(labels: readonly string[]): string {
  const differ = labels.map((name) => `part.${name} IS DISTINCT FROM labels.${name}`).join(' OR ');
  return `SELECT resolution, id, w, ${labels.map((name) => `part.${name}`).join(', ')} FROM part JOIN labels USING (id) WHERE ${differ}`;
}
