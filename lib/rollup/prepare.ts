import { join } from 'node:path';
import { parseByteSize } from '../config/sizes.ts';
import type { EngineSession } from '../engine/engine.ts';
import { preparedItem } from '../run/prepare.ts';
import { keepRejects, openItem, sourceUnit } from '../run/sources/item.ts';
import { adoptOnce, quarantineFaults, writeRows } from '../run/sources/output.ts';
import { poisonOnRead } from '../run/sources/poison.ts';
import { matchColumns, typedRows } from '../run/sources/typed-rows.ts';
import type { Prepared } from '../run/workload.ts';
import type { IntakeItem } from '../stores/ports.ts';
import { fitsAsItCame } from './prepare-as-it-came.ts';
import { checkedPoints, partOf, pointColumns, pointRows } from './sql/points.ts';
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
  const { config } = context;
  const unit = sourceUnit(item);
  const columns = pointColumns(config);
  await using opened = await openItem(context, item, {
    name: `prepare-${unit}`,
    feed: config.source,
    positional: columns.map(({ from }) => from),
  });
  const { session, source, rejects, spillBytes } = opened;
  const match = matchColumns(columns, new Set(['id', 'ts', 'v']), source);
  const fieldBytes = parseByteSize(config.limits.fieldBytes);
  const finish = async (asItCame: boolean, rows: number): Promise<Prepared> => {
    const folder = `${context.folder}/prepare/${unit}`;
    const location = `${folder}/rows.parquet`;
    if (rows > 0 && asItCame) await adoptOnce(context, opened.path, location);
    if (rows > 0 && !asItCame) await writeRows(context, session, { columns: names, order: ['part'] }, unit);
    const counts = await session.query('SELECT * FROM counts ORDER BY ALL');
    return {
      item: preparedItem(item),
      status: 'accepted',
      rowsLocation: rows === 0 ? undefined : location,
      quarantineLocation: await keepRejects(context, rejects, unit),
      rowsRead: source.rows,
      rowsAccepted: rows,
      rowsQuarantined: rejects.count,
      droppedColumns: match.dropped,
      missingColumns: match.missing,
      cells: cellsOf(counts),
      workload: {
        columns: asItCame ? columnNames : undefined,
        labels: await keepLabels(context, session, `${folder}/labels.parquet`),
        newestMs: newestOf(counts),
        lateness: latenessOf(counts),
      } satisfies PreparedPoints,
    };
  };
  const names = ['part', 'pw_row', ...columns.map(({ name }) => name)];
  const columnNames = pointRows(columns, match).names;
  const { parts } = config.state;
  const watermarkMs = context.batch?.watermarkMs ?? 0;
  const inTime = await countsInBatch(context);

  if (await fitsAsItCame(context, { opened, columns, match })) {
    const rows = `SELECT ${partOf('id', parts)} AS part, * FROM (${pointRows(columns, match).select(source)})`;
    await poisonOnRead(spillBytes, async () => {
      await session.execute(`CREATE TEMP TABLE counts AS ${countedPoints(rows, inTime, watermarkMs)}`);
      await session.execute(`CREATE TEMP TABLE labels AS ${seriesLabels(rows, columns, inTime)}`);
    });
    const [bad] = await session.query('SELECT sum(bad) AS n FROM counts');
    if (Number(bad?.['n'] ?? 0) === 0) return await finish(true, source.rows);
    await session.execute('DROP TABLE counts');
    await session.execute('DROP TABLE labels');
  }
  const checked = checkedPoints(columns, typedRows({ columns, fieldBytes, source, match }));
  await poisonOnRead(spillBytes, () => session.execute(`CREATE TEMP TABLE checked AS ${checked}`));
  await quarantineFaults(session, source, rejects);
  await session.execute(
    `CREATE TEMP VIEW accepted AS SELECT ${partOf('id', parts)} AS part, * EXCLUDE (pw_fault) FROM checked WHERE pw_fault IS NULL`,
  );
  await session.execute(`CREATE TEMP TABLE counts AS ${countedPoints('FROM accepted', inTime, watermarkMs)}`);
  await session.execute(`CREATE TEMP TABLE labels AS ${seriesLabels('FROM accepted', columns, inTime)}`);
  const [accepted] = await session.query('SELECT count(*) AS n FROM accepted');
  return await finish(false, Number(accepted?.['n']));
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
