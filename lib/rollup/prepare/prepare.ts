import { join } from 'node:path';
import { parseByteSize } from '../../config/sizes.ts';
import { preparedItem } from '../../run/prepare.ts';
import { preparedGroupRows } from '../../run/row-groups.ts';
import { keepRejects, type OpenedItem, openItem, sourceUnit } from '../../run/sources/item.ts';
import { adoptOnce, quarantineFaults, writeRows } from '../../run/sources/output.ts';
import { poisonOnRead } from '../../run/sources/poison.ts';
import { type ColumnMatch, matchColumns, typedRows } from '../../run/sources/typed-rows.ts';
import type { Prepared } from '../../run/workload.ts';
import type { IntakeItem } from '../../stores/ports.ts';
import { spreadingOf } from '../plan/spreading.ts';
import { countsInBatch } from '../plan/start.ts';
import { checkedPoints, type PointColumn, partOf, pointColumns, pointRows } from '../sql/points.ts';
import { seriesLabels } from '../sql/prepared.ts';
import type { PreparedPoints, RollupContext } from '../types.ts';
import { fitsAsItCame } from './as-it-came.ts';
import { type CountedPoints, countPrepared, preparedCounts } from './counts.ts';

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
    ...(await countsOf(file, {
      columns: asItCame === undefined ? undefined : pointRows(columns, match).names,
      newestMs: kept.newestMs,
    })),
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

interface KeptPoints {
  readonly rows: number;
  readonly newestMs: number | null;
}

/** Copies the file. undefined when it does not fit, or has a row to refuse. */
async function keepAsItCame(file: PointFile): Promise<KeptPoints | undefined> {
  const { context, opened, columns, match } = file;
  const { source } = opened;
  if (!(await fitsAsItCame(context, file))) return undefined;
  // Every value is decoded here, so that a damaged file is found before the work.
  const counted = await poisonOnRead(opened.spillBytes, () =>
    count(file, pointRows(columns, match).select(source)),
  );
  if (counted.isFaulty) return undefined;
  if (source.rows > 0) await adoptOnce(context, opened.path, `${folderOf(file)}/rows.parquet`);
  return { rows: source.rows, newestMs: counted.newestMs };
}

/** Types every row, refuses what cannot be, and writes the rest. */
async function keepTyped(file: PointFile): Promise<KeptPoints> {
  const { context, opened, columns, match, unit } = file;
  const { session, source, rejects } = opened;
  const fieldBytes = parseByteSize(context.config.limits.fieldBytes);
  const checked = checkedPoints(columns, typedRows({ columns, fieldBytes, source, match }));
  await poisonOnRead(opened.spillBytes, () => session.execute(`CREATE TEMP TABLE checked AS ${checked}`));
  await quarantineFaults(session, source, rejects);
  await session.execute(
    `CREATE TEMP VIEW accepted AS SELECT ${partOf('id', spreadingOf(context.config))} AS part, * EXCLUDE (pw_fault) FROM checked WHERE pw_fault IS NULL`,
  );
  const { newestMs } = await count(file, 'FROM accepted');
  const names = ['part', 'pw_row', ...columns.map(({ name }) => name)];
  await writeRows(context, session, { columns: names, order: ['part'] }, unit);
  const [accepted] = await session.query('SELECT count(*) AS n FROM accepted');
  return { rows: Number(accepted?.['n']), newestMs };
}

/** Makes the tables `times` and `series` of the rows. */
async function count({ context, opened, columns }: PointFile, rows: string): Promise<CountedPoints> {
  return await countPrepared({
    session: opened.session,
    rows,
    columns,
    inTime: await countsInBatch(context),
    watermarkMs: context.batch?.watermarkMs ?? 0,
  });
}

async function countsOf(
  file: PointFile,
  { columns, newestMs }: Pick<PreparedPoints, 'columns' | 'newestMs'>,
): Promise<Required<Pick<Prepared, 'cells' | 'workload'>>> {
  const { session } = file.opened;
  const { cells, lateness } = await preparedCounts(session, spreadingOf(file.context.config));
  const found: PreparedPoints = { columns, labels: await keepLabels(file), newestMs, lateness };
  return { cells, workload: found };
}

async function keepLabels(file: PointFile): Promise<string> {
  const { context, columns } = file;
  const { session } = file.opened;
  const path = join(session.workFolder, 'labels.parquet');
  const select = seriesLabels(columns, spreadingOf(context.config));
  await session.writeParquet({ select, path, rowGroupRows: preparedGroupRows });
  const location = `${folderOf(file)}/labels.parquet`;
  await adoptOnce(context, path, location);
  return location;
}
