import { parseByteSize } from '../config/sizes.ts';
import { preparedItem } from '../run/prepare.ts';
import { keepRejects, openItem, sourceUnit } from '../run/sources/item.ts';
import { quarantineFaults, writeRows } from '../run/sources/output.ts';
import { poisonOnRead } from '../run/sources/poison.ts';
import { matchColumns, typedRows } from '../run/sources/typed-rows.ts';
import type { Prepared } from '../run/workload.ts';
import type { IntakeItem } from '../stores/ports.ts';
import { prepareAsItCame } from './prepare-as-it-came.ts';
import { checkedPoints, partOf, pointColumns } from './sql/points.ts';
import { countsInBatch } from './start.ts';
import type { RollupContext } from './types.ts';

/**
 * Reads one source object and writes its points, typed and ordered by part, to `<run folder>/prepare/<unit>/rows.parquet`,
 * and its refused rows to `<run folder>/quarantine/<unit>.jsonl`.
 *
 * Columns: `part` INTEGER, `pw_row` BIGINT (its number in the file), `id`, `ts` BIGINT (milliseconds), `v` BIGINT, `l0`, …
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
  const asItCame = await prepareAsItCame(context, { opened, columns, match, unit, item });
  if (asItCame !== undefined) return asItCame;
  const fieldBytes = parseByteSize(config.limits.fieldBytes);
  const checked = checkedPoints(columns, typedRows({ columns, fieldBytes, source, match }));
  await poisonOnRead(spillBytes, () => session.execute(`CREATE TEMP TABLE checked AS ${checked}`));
  await quarantineFaults(session, source, rejects);
  await session.execute(
    `CREATE TEMP VIEW accepted AS SELECT ${partOf('id', config.state.parts)} AS part, * EXCLUDE (pw_fault) FROM checked WHERE pw_fault IS NULL`,
  );
  const names = ['part', 'pw_row', ...columns.map(({ name }) => name)];
  const written = await writeRows(context, session, { columns: names, order: ['part'] }, unit);
  const parts = await session.query('SELECT part, count(*) AS n FROM accepted GROUP BY ALL ORDER BY ALL');
  const [newest] = await session.query(
    `SELECT max(ts) AS ts FROM accepted WHERE ${await countsInBatch(context)}`,
  );
  const newestMs = newest?.['ts'];
  return {
    item: preparedItem(item),
    status: 'accepted',
    rowsLocation: written,
    quarantineLocation: await keepRejects(context, rejects, unit),
    rowsRead: source.rows,
    rowsAccepted: parts.reduce((sum, row) => sum + Number(row['n']), 0),
    rowsQuarantined: rejects.count,
    droppedColumns: match.dropped,
    missingColumns: match.missing,
    facts: { newestMs: newestMs === null || newestMs === undefined ? null : Number(newestMs) },
    cells: parts.map((row) => [0, Number(row['part']), Number(row['n']), 0] as const),
  };
}
