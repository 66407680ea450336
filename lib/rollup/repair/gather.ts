import type { EngineSession } from '../../engine/engine.ts';
import { text } from '../../engine/sql.ts';
import type { World } from '../../run/workload.ts';
import type { Location } from '../../stores/ports.ts';
import { rollupShape } from '../columns.ts';
import { windowOf } from '../sql/windows.ts';
import type { PointSource, RollupContext } from '../types.ts';
import type { LetterFile } from './letters.ts';
import type { Span } from './retained.ts';

/** Rows of a file that come before the next one in the order of ingest. */
const rowsPerFile = 2n ** 36n;

interface GatherOptions {
  readonly context: RollupContext;
  readonly session: EngineSession;
  readonly letters: readonly LetterFile[];
  readonly sources: readonly PointSource[];
  /** SQL over `ts`: not too far in the future. */
  readonly inTime: string;
}

/**
 * Makes the table `gathered` (id, ts, v, o, counts, l0, …) of a repair's points: dead letters that were too late, by batch,
 * then the files. `o` is the order in which those of one series and time count; `counts` is false of those that lie too
 * far in the future.
 */
export async function gatherPoints(options: GatherOptions): Promise<void> {
  const { context, session, letters, sources, inTime } = options;
  const { series, labels } = rollupShape(context.config);
  const names = labels.map((_, at) => `l${at}`);
  const typed = [
    `CAST(id AS ${series.sqlType}) AS id`,
    'CAST(ts AS BIGINT) AS ts',
    'CAST(v AS BIGINT) AS v',
    'CAST(o AS BIGINT) AS o',
    `(${inTime}) AS counts`,
    ...labels.map(({ sqlType }, at) => `CAST(l${at} AS ${sqlType}) AS l${at}`),
  ].join(', ');
  const empty = `SELECT NULL AS id, NULL AS ts, NULL AS v, NULL AS o, ${names.map((name) => `NULL AS ${name}`).join(', ')} WHERE false`;
  await session.execute(`CREATE TEMP TABLE gathered AS SELECT ${typed} FROM (${empty})`);
  let place = 0n;
  const add = async (rows: string) => {
    await session.execute(`INSERT INTO gathered SELECT ${typed} FROM (${rows})`);
    place += rowsPerFile;
  };
  for (const { location } of letters) {
    const path = text(await context.world.warehouse.localPath(location));
    await add(
      `SELECT id, ts, v, ${place} + file_row_number AS o, ${names.join(', ')} FROM read_parquet(${path}, file_row_number = true, hive_partitioning = false) WHERE reason = 'too late'`,
    );
  }
  for (const source of sources) await add(await sourceRows(context.world, source, names, place));
}

async function sourceRows(
  world: World,
  { location, columns }: PointSource,
  labels: readonly string[],
  place: bigint,
): Promise<string> {
  const path = text(await world.results.localPath(location));
  const names = ['id', 'ts', 'v', ...labels];
  if (columns === undefined)
    return `SELECT ${names.join(', ')}, ${place} + pw_row AS o FROM read_parquet(${path}, hive_partitioning = false)`;
  const named = names.map((name) => `${columns[name] ?? 'NULL'} AS ${name}`).join(', ');
  return `SELECT ${named}, ${place} + file_row_number AS o FROM read_parquet(${path}, file_row_number = true, hive_partitioning = false)`;
}

/** Keeps the points that count, or those that do not: Parquet (id, ts, v, o, l0, …), sorted by series and time. */
export async function keepPoints(
  context: RollupContext,
  session: EngineSession,
  { location, counts }: { readonly location: Location; readonly counts: boolean },
): Promise<void> {
  const path = `${session.workFolder}/points.parquet`;
  await session.writeParquet({
    select: `SELECT * EXCLUDE (counts) FROM gathered WHERE ${counts ? 'counts' : 'NOT counts'} ORDER BY id, ts, o`,
    path,
  });
  if ((await context.world.results.head(location)) !== undefined)
    await context.world.results.delete(location);
  await context.world.results.adopt(path, location);
}

/** Times of the closed base windows that the points lie in; neighbouring ones together. */
export async function touchedSpans(
  session: EngineSession,
  baseMs: number,
  closedThroughMs: number,
): Promise<readonly Span[]> {
  const rows = await session.query(
    `SELECT DISTINCT ${windowOf('ts', baseMs)} AS w FROM gathered WHERE counts AND ts <= ${closedThroughMs} ORDER BY w`,
  );
  const spans: [number, number][] = [];
  for (const { w } of rows) {
    const to = Number(w);
    const last = spans.at(-1);
    if (last !== undefined && to - baseMs <= last[1]) last[1] = to;
    else spans.push([to - baseMs, to]);
  }
  return spans;
}
