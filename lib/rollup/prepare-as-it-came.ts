import { sqlType } from '../config/types.ts';
import { identifier } from '../engine/sql.ts';
import { preparedItem } from '../run/prepare.ts';
import type { OpenedItem } from '../run/sources/item.ts';
import { adoptOnce } from '../run/sources/output.ts';
import { poisonOnRead } from '../run/sources/poison.ts';
import type { ColumnMatch } from '../run/sources/typed-rows.ts';
import type { Prepared } from '../run/workload.ts';
import type { IntakeItem } from '../stores/ports.ts';
import { isTimeUsable, type PointColumn, partOf } from './sql/points.ts';
import { countsInBatch } from './start.ts';
import type { RollupContext } from './types.ts';

interface AsItCameOptions {
  readonly opened: OpenedItem;
  readonly columns: readonly PointColumn[];
  readonly match: ColumnMatch;
  readonly unit: string;
  readonly item: IntakeItem;
}

/** Every unit reads such files whole, so a batch may have only so much of them. */
const mostBytes = 500e6;
const mostObjects = 16;

/**
 * A Parquet file whose columns have the very types that points have, and no row to refuse, is kept as it came: its
 * bytes are copied, not its rows. Every column is decoded once all the same, so that a damaged file is found here and
 * not in the work. undefined: the file must be prepared row by row.
 */
export async function prepareAsItCame(
  context: RollupContext,
  { opened, columns, match, unit, item }: AsItCameOptions,
): Promise<Prepared | undefined> {
  const { session, source, path } = opened;
  const named = columns.map((column, at) => ({
    column,
    from: match.from[at],
    type: source.columns.find(({ name }) => name === match.from[at])?.type,
  }));
  const fits = named.every(({ column, type }) => type === sqlType(column.type));
  if (!fits || opened.rejects.count > 0 || !(await isSmallBatch(context))) return undefined;

  const rows = source.select(named.map(({ from = '' }) => from));
  const values = named.map(({ column }, at) => `s${at} AS ${column.name}`).join(', ');
  const labels = named.slice(3).map(({ column }) => `count(${column.name})`);
  const count = `SELECT ${partOf('id', context.config.state.parts)} AS part, count(*) AS n, count(*) FILTER (id IS NULL OR v IS NULL OR NOT coalesce(${isTimeUsable}, false)) AS bad,
    max(ts) FILTER (${await countsInBatch(context)}) AS newest${labels.map((label, at) => `, ${label} AS c${at}`).join('')}
    FROM (SELECT ${values} FROM (${rows})) GROUP BY ALL ORDER BY part`;
  await poisonOnRead(opened.spillBytes, () => session.execute(`CREATE TEMP TABLE counts AS ${count}`));
  const counts = await session.query('SELECT part, n, bad, newest FROM counts ORDER BY part');
  if (counts.some((row) => Number(row['bad']) > 0)) {
    await session.execute('DROP TABLE counts');
    return undefined;
  }
  const location = `${context.folder}/prepare/${unit}/rows.parquet`;
  await adoptOnce(context, path, location);
  const newest = counts.flatMap((row) => (row['newest'] === null ? [] : [Number(row['newest'])]));
  return {
    item: preparedItem(item),
    status: 'accepted',
    rowsLocation: source.rows === 0 ? undefined : location,
    quarantineLocation: undefined,
    rowsRead: source.rows,
    rowsAccepted: source.rows,
    rowsQuarantined: 0,
    droppedColumns: match.dropped,
    missingColumns: match.missing,
    facts: { newestMs: newest.length === 0 ? null : newest.reduce((a, b) => Math.max(a, b)) },
    columns: Object.fromEntries(named.map(({ column, from = '' }) => [column.name, identifier(from)])),
    cells: counts.map((row) => [0, Number(row['part']), Number(row['n']), 0] as const),
  };
}

async function isSmallBatch({ world, config, runId }: RollupContext): Promise<boolean> {
  let objects = 0;
  let bytes = 0;
  for await (const item of world.state.intake.list(config.pipeline, { runId })) {
    objects += 1;
    bytes += item.sizeBytes;
    if (objects > mostObjects || bytes > mostBytes) return false;
  }
  return true;
}
