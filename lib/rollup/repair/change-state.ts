import { livingTails } from '../sql/series.ts';
import type { Repairing } from './repairing.ts';

/** What identifies a row of the state. */
export const stateKeys = { hot: ['id', 'ts'], tails: ['id'], part: ['resolution', 'id', 'w'] } as const;
export type StateKind = keyof typeof stateKeys;

/**
 * Makes `hot_changed`, `tails_changed` and `part_changed`: rows of the state that are new or have other values, in the
 * columns of their files. None is ever taken away.
 */
export async function changeState(repairing: Repairing): Promise<void> {
  const { session, spec, rules, labels, values } = repairing;
  const names = labels.join(', ');
  const ofSeries = labels.map((name) => `series.${name}`).join(', ');
  const [waited, arrived] = rules.duplicates === 'first' ? ['-1', 'o'] : ['1', '-o'];
  const open = `SELECT id, ts, v, ${arrived} AS o FROM points WHERE ts > ${spec.closedThroughMs}
    UNION ALL SELECT id, ts, v, ${waited} FROM hot_before`;
  await session.execute(
    `CREATE TEMP TABLE hot_changed AS SELECT now.id, now.ts, now.v, ${ofSeries} FROM (SELECT id, ts, arg_min(v, o) AS v FROM (${open}) GROUP BY id, ts) AS now
      JOIN series USING (id) LEFT JOIN hot_before AS old ON old.id = now.id AND old.ts = now.ts WHERE old.v IS DISTINCT FROM now.v`,
  );
  // A series without a tail has no closed point that may be continued, so the newest of the touched windows is its newest.
  await session.execute(
    `CREATE TEMP TABLE tails_changed AS SELECT * EXCLUDE (known) FROM (SELECT now.id, now.ts, now.v, ${ofSeries}, old.ts IS NOT NULL AS known
      FROM (SELECT id, max(ts) AS ts, arg_max(v, ts) AS v FROM after GROUP BY id) AS now JOIN series USING (id) LEFT JOIN tails_before AS old ON old.id = now.id
      WHERE (old.ts IS NULL OR old.ts <= now.ts) AND (old.ts IS DISTINCT FROM now.ts OR old.v <> now.v))
      WHERE known OR ${livingTails(spec.closedThroughMs, rules)}`,
  );
  await session.execute(
    `CREATE TEMP TABLE part_changed AS SELECT resolution, id, w, ${values.map((name) => (name === 's' || name === 'inc' ? `CAST(${name} AS DECIMAL(38,0)) AS ${name}` : name)).join(', ')}, ${names} FROM changed WHERE w > ${spec.closedThroughMs}`,
  );
}
