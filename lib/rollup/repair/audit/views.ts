import { text } from '../../../engine/sql.ts';
import { ObjectNotFoundError } from '../../../errors.ts';
import type { DataFile } from '../../../iceberg/types.ts';
import { edgeOf } from '../../audit/context.ts';
import { publishedView } from '../../audit/views.ts';
import { labelNames } from '../../columns.ts';
import { bucketDays } from '../table-files.ts';
import type { RetainedPoints } from '../types.ts';
import { type RepairAudit, rowValues, sketchLists } from './context.ts';

/** Rows of a file that come before the next one in the order of ingest. */
const rowsPerFile = 2n ** 40n;

/**
 * Makes `points` (id, ts, v, o, l0, …) of the repair, `ids`, `touched` (id, w) of the base windows that are closed, and
 * `kept` (id, ts, v, q) of the points that were in them.
 */
export async function openPointTables(audit: RepairAudit): Promise<void> {
  const { context, session, facts, rules, shape } = audit;
  const { results } = context.world;
  const path = text(await results.localPath(facts.points));
  await session.execute(
    `CREATE TEMP TABLE points AS SELECT id, ts, v, o, ${labelNames(shape).join(', ')} FROM read_parquet(${path}, hive_partitioning = false)`,
  );
  await session.execute('CREATE TEMP TABLE ids AS SELECT DISTINCT id FROM points');
  await session.execute(
    `CREATE TEMP TABLE touched AS SELECT DISTINCT id, ${edgeOf('ts', rules.baseMs)} AS w FROM points WHERE ${edgeOf('ts', rules.baseMs)} <= ${facts.closedThroughMs}`,
  );
  await session.execute('CREATE TEMP TABLE kept AS SELECT id, ts, v, o AS q FROM points WHERE false');
  const lines = new TextDecoder().decode(await results.read(facts.retained)).split('\n');
  let place = 0n;
  for (const line of lines.filter((one) => one !== '')) {
    place += rowsPerFile;
    const { location, columns, order, closedBeforeMs, notAfterMs } = JSON.parse(line) as RetainedPoints;
    const kept = await results.localPath(location).catch((error: unknown) => {
      if (error instanceof ObjectNotFoundError) return undefined;
      throw error;
    });
    if (kept === undefined) continue;
    const named = (name: string) => (columns === undefined ? name : (columns[name] ?? 'NULL'));
    const refused = [
      closedBeforeMs === null ? 'false' : `${edgeOf('ts', rules.baseMs)} <= ${closedBeforeMs}`,
      notAfterMs === null ? 'false' : `ts > ${notAfterMs}`,
    ];
    await session.execute(
      `INSERT INTO kept SELECT rows.id, rows.ts, rows.v, rows.q FROM
        (SELECT ${['id', 'ts', 'v'].map((name) => `${named(name)} AS ${name}`).join(', ')}, ${place} + ${order ?? 'file_row_number'} AS q
          FROM read_parquet(${text(kept)}, file_row_number = true, hive_partitioning = false)) AS rows
        JOIN touched ON touched.id = rows.id AND touched.w = ${edgeOf('rows.ts', rules.baseMs)} WHERE NOT (${refused.join(' OR ')})`,
    );
  }
}

/**
 * Makes `rows_now` and `rows_was` (resolution, id, w, n, …, l0, …, open) of the touched series, after and before the repair:
 * published rows in and around the touched windows of the coarsest resolution (`near`: id, after, upto), of that resolution
 * all, and the state's open ones. Changed rows must be known: tables `news` and `olds`.
 */
export async function openRowTables(audit: RepairAudit): Promise<void> {
  const { session, rules, shape } = audit;
  const coarsest = rules.resolutionsMs.at(-1) ?? rules.baseMs;
  const columns = ['resolution', 'id', 'w', ...rowValues, ...sketchLists(audit), ...labelNames(shape)].join(
    ', ',
  );
  const edge = edgeOf('w', coarsest);
  await session.execute(
    `CREATE TEMP TABLE near AS SELECT DISTINCT id, ${edge} - 2 * ${coarsest} AS after, ${edge} + ${coarsest} AS upto FROM
      (SELECT id, w FROM touched UNION ALL SELECT id, w FROM news)`,
  );
  for (const [when, part] of [
    ['now', 'part_now'],
    ['was', 'part_before'],
  ] as const)
    await session.execute(
      `CREATE TEMP TABLE rows_${when} AS SELECT ${columns}, true AS open FROM ${part} SEMI JOIN ids USING (id)`,
    );
  const spans = await session.query('SELECT DISTINCT after, upto FROM near');
  for (const resolution of rules.resolutionsMs) {
    const days = new Set(
      spans.flatMap(({ after, upto }) => [...bucketDays(Number(after) + 1, Number(upto), resolution)]),
    );
    const isAll = resolution === coarsest;
    const ofResolution = ({ partition: [one, day] }: Pick<DataFile, 'partition'>) =>
      Number(one) === resolution && (isAll || days.has(Number(day)));
    const removed = new Set(audit.removed.map(({ location }) => location));
    const files = {
      now: [...audit.before.filter(({ location }) => !removed.has(location)), ...audit.added],
      was: audit.before,
    };
    for (const when of ['now', 'was'] as const) {
      await publishedView({
        session,
        shape,
        store: audit.context.world.warehouse,
        name: 'cells',
        files: files[when].filter(ofResolution),
      });
      const inside = isAll
        ? 'true'
        : 'EXISTS (SELECT 1 FROM near WHERE near.id = cells.id AND cells.w > near.after AND cells.w <= near.upto)';
      await session.execute(
        `INSERT INTO rows_${when} SELECT ${columns}, false FROM cells WHERE id IN (SELECT id FROM ids) AND ${inside}`,
      );
    }
  }
}
