import { join } from 'node:path';
import { parseByteSize } from '../config/sizes.ts';
import type { EngineSession } from '../engine/engine.ts';
import { preparedItem } from '../run/prepare.ts';
import { keepRejects, type OpenedItem, openItem, sourceUnit } from '../run/sources/item.ts';
import { adoptOnce, quarantineFaults, writeRows } from '../run/sources/output.ts';
import { poisonOnRead } from '../run/sources/poison.ts';
import { type ColumnMatch, matchColumns, typedRows } from '../run/sources/typed-rows.ts';
import type { Prepared } from '../run/workload.ts';
import type { IntakeItem } from '../stores/ports.ts';
import { fitsAsItCame } from './prepare-as-it-came.ts';
import { checkedPoints, type PointColumn, partOf, pointColumns, pointRows } from './sql/points.ts';
import { countedPoints, seriesLabels } from './sql/prepared.ts';
import { countsInBatch } from './start.ts';
import type { PreparedPoints, RollupContext } from './types.ts';

/**
 * Reads one source object and keeps its points at `<run folder>/prepare/<unit>/rows.parquet`, the labels of their series
 * beside it (`labels.parquet`), and the refused rows at `<run folder>/quarantine/<unit>.jsonl`.
 *
 * A file whose columns have the very types of points is kept as it came, its bytes copied and not its rows. Any other is
 * written anew: `part` INTEGER, `pw_row` BIGINT (its number in the file), `id`, `ts` BIGINT (milliseconds), `v` BIGINT,
 * `l0`, …, ordered by part.
 *
 * @throws PoisonInputError when the file as a whole cannot be used
 * @throws SourceChangedError when the object is not the claimed version any more
 */
export async function prepare(context: RollupContext, item: IntakeItem): Promise<Prepared> {
  const unit = sourceUnit(item);
  const columns = pointColumns(context.config);
  await using opened = await openItem(context, item, {
    name: `prepare-${unit}`,
    feed: context.config.source,
    positional: columns.map(({ from }) => from),
  });
  const match = matchColumns(columns, new Set(['id', 'ts', 'v']), opened.source);
  const file: PointFile = { context, opened, columns, match, unit };
  const asItCame = await keepAsItCame(file);
  const kept = asItCame ?? (await keepTyped(file));
  return {
    item: preparedItem(item),
    status: 'accepted',
    rowsLocation: kept.rows === 0 ? undefined : `${folderOf(file)}/rows.parquet`,
    quarantineLocation: await keepRejects(context, opened.rejects, unit),
    rowsRead: opened.source.rows,
    rowsAccepted: kept.rows,
    rowsQuarantined: opened.rejects.count,
    droppedColumns: match.dropped,
    missingColumns: match.missing,
    ...(await countsOf(file, asItCame === undefined ? undefined : pointRows(columns, match).names)),
  };
}

interface PointFile {
  readonly context: RollupContext;
  readonly opened: OpenedItem;
  readonly columns: readonly PointColumn[];
  readonly match: ColumnMatch;
  readonly unit: string;
}

const folderOf = ({ context, unit }: PointFile) => `${context.folder}/prepare/${unit}`;

/** Copies the file. undefined when it does not fit, or has a row to refuse. */
async function keepAsItCame(file: PointFile): Promise<{ readonly rows: number } | undefined> {
  const { context, opened, columns, match } = file;
  const { session, source } = opened;
  if (!(await fitsAsItCame(context, file))) return undefined;
  const part = partOf('id', context.config.state.parts);
  const rows = `SELECT ${part} AS part, * FROM (${pointRows(columns, match).select(source)})`;
  // Every column is decoded here, so that a damaged file is found before the work.
  await poisonOnRead(opened.spillBytes, () => makeCounts(file, rows));
  const [bad] = await session.query('SELECT sum(bad) AS n FROM counts');
  if (Number(bad?.['n'] ?? 0) === 0) {
    if (source.rows > 0) await adoptOnce(context, opened.path, `${folderOf(file)}/rows.parquet`);
    return { rows: source.rows };
  }
  await session.execute('DROP TABLE counts');
  await session.execute('DROP TABLE labels');
  return undefined;
}

/** Types every row, refuses what cannot be, and writes the rest. */
async function keepTyped(file: PointFile): Promise<{ readonly rows: number }> {
  const { context, opened, columns, match, unit } = file;
  const { session, source, rejects } = opened;
  const fieldBytes = parseByteSize(context.config.limits.fieldBytes);
  const checked = checkedPoints(columns, typedRows({ columns, fieldBytes, source, match }));
  await poisonOnRead(opened.spillBytes, () => session.execute(`CREATE TEMP TABLE checked AS ${checked}`));
  await quarantineFaults(session, source, rejects);
  await session.execute(
    `CREATE TEMP VIEW accepted AS SELECT ${partOf('id', context.config.state.parts)} AS part, * EXCLUDE (pw_fault) FROM checked WHERE pw_fault IS NULL`,
  );
  await makeCounts(file, 'FROM accepted');
  const names = ['part', 'pw_row', ...columns.map(({ name }) => name)];
  await writeRows(context, session, { columns: names, order: ['part'] }, unit);
  const [accepted] = await session.query('SELECT count(*) AS n FROM accepted');
  return { rows: Number(accepted?.['n']) };
}

/** Makes the tables `counts` and `labels` of the rows. */
async function makeCounts({ context, opened, columns }: PointFile, rows: string): Promise<void> {
  const inTime = await countsInBatch(context);
  const counts = countedPoints(rows, inTime, context.batch?.watermarkMs ?? 0);
  await opened.session.execute(`CREATE TEMP TABLE counts AS ${counts}`);
  await opened.session.execute(`CREATE TEMP TABLE labels AS ${seriesLabels(rows, columns, inTime)}`);
}

async function countsOf(
  file: PointFile,
  columns: PreparedPoints['columns'],
): Promise<Required<Pick<Prepared, 'cells' | 'workload'>>> {
  const { session } = file.opened;
  const counts = await session.query('SELECT * FROM counts ORDER BY ALL');
  const found: PreparedPoints = {
    columns,
    labels: await keepLabels(file.context, session, `${folderOf(file)}/labels.parquet`),
    newestMs: newestOf(counts),
    lateness: latenessOf(counts),
  };
  return { cells: cellsOf(counts), workload: found };
}

async function keepLabels(context: RollupContext, session: EngineSession, location: string): Promise<string> {
  const path = join(session.workFolder, 'labels.parquet');
  await session.writeParquet({ select: 'SELECT * FROM labels ORDER BY part, id, q', path });
  await adoptOnce(context, path, location);
  return location;
}

type Counts = Awaited<ReturnType<EngineSession['query']>>;

function cellsOf(counts: Counts): Prepared['cells'] {
  const cells = new Map<number, readonly [number, number, number, number]>();
  for (const row of counts) {
    const part = Number(row['part']);
    const [, , points, refused] = cells.get(part) ?? [0, part, 0, 0];
    cells.set(part, [0, part, points + Number(row['n']), refused + Number(row['refused'])]);
  }
  return [...cells.values()];
}

function newestOf(counts: Counts): number | null {
  const times = counts.flatMap(({ newest }) => (newest === null ? [] : [Number(newest)]));
  return times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b));
}

function latenessOf(counts: Counts): PreparedPoints['lateness'] {
  const points = new Map<number, number>();
  for (const row of counts) {
    const since = Number(row['since']);
    points.set(since, (points.get(since) ?? 0) + Number(row['n']));
  }
  return [...points].sort(([a], [b]) => a - b);
}
