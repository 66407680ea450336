import { text } from '../../engine/sql.ts';
import { type RollupAudit, whole } from './context.ts';

interface DistinctAudit extends Pick<RollupAudit, 'session' | 'findings' | 'sample'> {
  readonly rules: Pick<RollupAudit['rules'], 'duplicates'>;
  readonly context: { readonly runId: string };
}

/**
 * The points without duplicates are what the rows of the finest resolution and the open points hold: of a large batch, those
 * of some windows.
 */
export async function auditDistinct(
  audit: DistinctAudit,
  resolution: number,
  accepted: bigint,
): Promise<void> {
  const { session, findings, rules } = audit;
  const range = accepted > audit.sample.counted ? await someWindows(audit, resolution) : undefined;
  const ofTime = range === undefined ? 'true' : `ts > ${range.first - resolution} AND ts <= ${range.last}`;
  const ofWindow = range === undefined ? 'true' : `w BETWEEN ${range.first} AND ${range.last}`;
  const place = rules.duplicates === 'first' ? ['q', '-1'] : ['-q', '1'];
  const [expected] = await session.query(
    `SELECT count(*) AS n, sum(v) AS s FROM (SELECT arg_min(v, o) AS v FROM
      (SELECT id, ts, v, ${place[0]} AS o FROM points_in WHERE ${ofTime} UNION ALL SELECT id, ts, v, ${place[1]} FROM hot_before WHERE ${ofTime})
      GROUP BY id, ts)`,
  );
  const rows = (view: string, sign: string) =>
    `SELECT ${sign}CAST(n AS HUGEINT) AS n, ${sign}s AS s FROM ${view} WHERE resolution = ${resolution} AND ${ofWindow}`;
  const [found] = await session.query(
    `SELECT sum(n) AS n, sum(s) AS s FROM (${rows('published', '')} UNION ALL ${rows('part_after', '')} UNION ALL ${rows('part_before', '-')}
      UNION ALL SELECT 1, CAST(v AS DECIMAL(38,0)) FROM hot_after WHERE ${ofTime})`,
  );
  const check = 'points without duplicates';
  findings.checked(check, Number(whole(expected, 'n')));
  const what = `resolution ${resolution}${range === undefined ? '' : `, windows ${range.first} to ${range.last}`}`;
  findings.same(check, `${what}: count`, whole(expected, 'n'), whole(found, 'n'));
  findings.same(check, `${what}: sum`, whole(expected, 's'), whole(found, 's'));
}

/** Neighbouring windows with about as many points as are counted; which ones changes with the run. */
async function someWindows(
  { session, context, sample }: DistinctAudit,
  resolution: number,
): Promise<{ readonly first: number; readonly last: number } | undefined> {
  const windows = await session.query(
    `SELECT w, sum(n) AS n, hash(w, ${text(context.runId)}) AS place FROM published WHERE resolution = ${resolution} GROUP BY w ORDER BY w`,
  );
  const start = windows.reduce(
    (least, row, at) => (whole(row, 'place') < whole(windows[least], 'place') ? at : least),
    0,
  );
  let points = 0n;
  let end = start;
  for (let at = start; at < windows.length; at += 1) {
    points += whole(windows[at], 'n');
    if (at > start && points > sample.counted) break;
    end = at;
  }
  const [first, last] = [windows[start], windows[end]];
  if (first === undefined || last === undefined) return undefined;
  return { first: Number(first['w']), last: Number(last['w']) };
}
