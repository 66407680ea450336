import { text } from '../../engine/sql.ts';
import { CorruptStateError, ObjectNotFoundError } from '../../errors.ts';
import { sha256 } from '../../run/layout.ts';
import { allParts } from '../plan/part-range.ts';
import { partOf } from '../sql/points.ts';
import { livingTails } from '../sql/series.ts';
import { windowOf } from '../sql/windows.ts';
import type { StateFile } from '../state/state.ts';
import { openState } from '../work/inputs.ts';
import type { Repairing } from './repairing.ts';
import type { RepairSpec, RetainedPoints } from './types.ts';

/**
 * Makes `points` (id, ts, v, o, l0, …) of the repair, `series` (id, part, l0, …) with the labels that they get, `touched`
 * (id, w) of the closed base windows that they lie in, and of the touched series `hot_before`, `tails_before`,
 * `part_before` as the state has them.
 */
export async function openRepairPoints(repairing: Repairing): Promise<void> {
  const { context, session, spec, rules, labels } = repairing;
  const path = await context.world.results.localPath(spec.points);
  const names = labels.join(', ');
  await session.execute(
    `CREATE TEMP TABLE points AS SELECT id, ts, v, o, ${names} FROM read_parquet(${text(path)}, hive_partitioning = false)`,
  );
  await session.execute(
    `CREATE TEMP TABLE touched AS SELECT DISTINCT id, ${windowOf('ts', rules.baseMs)} AS w FROM points WHERE ts <= ${spec.closedThroughMs}`,
  );
  await session.execute(
    `CREATE TEMP TABLE ids AS SELECT id, ${partOf('id', spec)} AS part FROM (SELECT DISTINCT id FROM points)`,
  );
  await openState(context, session, { ...(await touchedState(repairing)), ...allParts(spec) });
  for (const kind of ['hot', 'tails', 'part'])
    await session.execute(
      `CREATE TEMP TABLE ${kind}_before AS SELECT * FROM ${kind} SEMI JOIN ids USING (id)`,
    );
  const struct = `{${labels.map((name) => `'${name}': ${name}`).join(', ')}}`;
  const known = `SELECT id, ${names} FROM hot_before UNION ALL SELECT id, ${names} FROM tails_before WHERE ${livingTails(spec.closedThroughMs, rules)}`;
  // A series that nobody knows any more begins anew, under the labels of its earliest point here.
  await session.execute(
    `CREATE TEMP TABLE series AS SELECT ids.id, ids.part, ${labels.map((name) => `one.labels.${name} AS ${name}`).join(', ')} FROM ids JOIN
      (SELECT id, arg_min(labels, place) AS labels FROM
        (SELECT id, ${struct} AS labels, {k: 0, ts: CAST(0 AS BIGINT), o: CAST(0 AS BIGINT)} AS place FROM (${known})
         UNION ALL SELECT id, ${struct}, {k: 1, ts: ts, o: o} FROM points) GROUP BY id) AS one USING (id)`,
  );
}

/** State files that may hold a touched series. */
async function touchedState({
  session,
  spec,
}: Repairing): Promise<{ readonly [kind in 'hot' | 'tails' | 'part']: readonly StateFile[] }> {
  const parts = (await session.query('SELECT DISTINCT part FROM ids')).map(({ part }) => Number(part));
  const inside = (files: readonly StateFile[]) =>
    files.filter((file) => parts.some((part) => file.firstPart <= part && part <= file.lastPart));
  const { hot, tails, part } = spec.state;
  return { hot: inside(hot), tails: inside(tails), part: inside(part) };
}

/** Selects that are inserted by one statement. */
const selectsAtOnce = 50;

/**
 * Makes `raw` (id, ts, v, q): the points that are kept of the touched windows, q in the order of ingest. Returns how many
 * there are.
 */
export async function readRetained({ context, session, spec, rules }: Repairing): Promise<number> {
  const { results } = context.world;
  await session.execute('CREATE TEMP TABLE raw AS SELECT id, ts, v, o AS q FROM points WHERE false');
  const [range] = await session.query(
    `SELECT min(w) - ${rules.baseMs} AS after, max(w) AS upto FROM touched`,
  );
  if (range?.['upto'] === null || range?.['upto'] === undefined) return 0;
  const within = `ts > ${range['after']} AND ts <= ${range['upto']}`;
  const selects: string[] = [];
  let place = 0n;
  for (const one of await readList(context.world.results, spec)) {
    const path = await results.localPath(one.location).catch((error: unknown) => {
      if (error instanceof ObjectNotFoundError) return undefined;
      throw error;
    });
    place += 2n ** 36n;
    if (path !== undefined) selects.push(retainedRows(one, path, place));
  }
  for (let at = 0; at < selects.length; at += selectsAtOnce)
    await session.execute(
      `INSERT INTO raw SELECT id, ts, v, q FROM (SELECT * FROM (${selects.slice(at, at + selectsAtOnce).join(' UNION ALL ')}) WHERE ${within}) AS kept
        SEMI JOIN touched ON touched.id = kept.id AND touched.w = ${windowOf('kept.ts', rules.baseMs)}`,
    );
  const [count] = await session.query('SELECT count(*) AS n FROM raw');
  return Number(count?.['n'] ?? 0);
}

function retainedRows(one: RetainedPoints, path: string, place: bigint): string {
  const counts = [
    'true',
    ...(one.closedBeforeMs === null ? [] : [`ts > ${one.closedBeforeMs}`]),
    ...(one.notAfterMs === null ? [] : [`ts <= ${one.notAfterMs}`]),
  ].join(' AND ');
  const named = ['id', 'ts', 'v']
    .map((name) => (one.columns === undefined ? name : `${one.columns[name] ?? 'NULL'} AS ${name}`))
    .join(', ');
  const order = one.order ?? 'file_row_number';
  const rows = `SELECT ${named}, ${place} + ${order} AS q FROM read_parquet(${text(path)}, file_row_number = true, hive_partitioning = false)`;
  return `SELECT id, ts, v, q FROM (${rows}) WHERE ${counts}`;
}

async function readList(
  store: Repairing['context']['world']['results'],
  { retained, retainedDigest }: Pick<RepairSpec, 'retained' | 'retainedDigest'>,
): Promise<readonly RetainedPoints[]> {
  const bytes = await store.read(retained);
  if (sha256(bytes) !== retainedDigest)
    throw new CorruptStateError(`the list of retained points is not the one that was planned: ${retained}`);
  const lines = new TextDecoder().decode(bytes).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RetainedPoints);
}
