import type { SummaryConfig } from '../../config/schema.ts';
import { targetColumns } from '../../config/types.ts';
import { ConfigError } from '../../errors.ts';
import { preparedItem } from '../../run/prepare.ts';
import { keepRejects, openItem, sourceUnit } from '../../run/sources/item.ts';
import type { OpenedSource } from '../../run/sources/open.ts';
import { dropDuplicates, type OutputShape, quarantineFaults, writeRows } from '../../run/sources/output.ts';
import { poisonOnRead } from '../../run/sources/poison.ts';
import type { Prepared } from '../../run/workload.ts';
import type { IntakeItem } from '../../stores/ports.ts';
import type { SummaryContext } from '../types.ts';
import { checkedDeletions, preparedDeletions } from './deletions.ts';
import { checkedRows, matchRecords, preparedRows } from './rows.ts';

/** Name of the feed that overrides dates and delete codes. */
const deletionsFeed = 'deletions';

/**
 * Reads one source object and writes its accepted rows, typed, transformed and sorted by bucket, key and month, to
 * `<run folder>/prepare/<unit>/rows.parquet`, and its refused rows to `<run folder>/quarantine/<unit>.jsonl`.
 *
 * Columns of records: `bucket` INTEGER, `month_no` INTEGER, `is_delete` BOOLEAN, `rec_hash` BIGINT, then the columns and
 * the derived columns under their own names. Columns of the deletions feed: `bucket`, `month_no`, `key`, `date`, `code`,
 * `version`, `hash`, `is_delete`. The same object gives the same rows in the same order.
 *
 * @throws PoisonInputError when the file as a whole cannot be used
 * @throws SourceChangedError when the object is not the claimed version any more
 */
export async function prepare(context: SummaryContext, item: IntakeItem): Promise<Prepared> {
  const { config } = context;
  const { buckets } = config.tables;
  if (buckets === undefined) throw new ConfigError('tables.buckets is not decided yet');
  const unit = sourceUnit(item);
  const deletions = item.feed === deletionsFeed ? config.deletions : undefined;
  if (item.feed === deletionsFeed && deletions === undefined)
    throw new ConfigError(`pipeline ${config.pipeline} has no deletions feed`);

  await using opened = await openItem(context, item, {
    name: `prepare-${unit}`,
    feed: deletions ?? config.source,
    positional:
      deletions === undefined
        ? config.columns.map(({ name, from }) => from ?? name)
        : [deletions.key, deletions.date, deletions.code, deletions.version],
  });
  const { session, source, rejects, spillBytes } = opened;
  const shape =
    deletions === undefined ? recordShape(config, source, buckets) : deletionShape(config, source, buckets);
  await poisonOnRead(spillBytes, () => session.execute(`CREATE TEMP TABLE checked AS ${shape.checked}`));
  await quarantineFaults(session, source, rejects);
  await session.execute(`CREATE TEMP TABLE accepted AS ${shape.prepared}`);
  const duplicates = await dropDuplicates(session, shape.identity);
  const written = await writeRows(context, session, shape, unit);
  const cells = await session.query(
    `SELECT month_no, bucket, count(*) AS n, count(*) FILTER (${shape.isDelete}) AS deletes FROM accepted GROUP BY ALL ORDER BY ALL`,
  );
  const quarantineLocation = await keepRejects(context, rejects, unit);
  return {
    item: preparedItem(item),
    status: 'accepted',
    rowsLocation: written,
    quarantineLocation,
    rowsRead: source.rows,
    rowsAccepted: cells.reduce((sum, row) => sum + Number(row['n']), 0),
    rowsQuarantined: rejects.count,
    rowsDuplicate: duplicates,
    droppedColumns: shape.dropped,
    missingColumns: shape.missing,
    cells: cells.map(
      (row) =>
        [Number(row['month_no']), Number(row['bucket']), Number(row['n']), Number(row['deletes'])] as const,
    ),
  };
}

/** What differs between records and the deletions feed. */
interface Shape extends OutputShape {
  readonly checked: string;
  readonly prepared: string;
  /** Rows that agree in these are the same. */
  readonly identity: readonly string[];
  readonly isDelete: string;
  readonly dropped: readonly string[];
  readonly missing: readonly string[];
}

function recordShape(config: SummaryConfig, source: OpenedSource, buckets: number): Shape {
  const match = matchRecords(config, source);
  return {
    checked: checkedRows(config, source, match),
    prepared: preparedRows(config, buckets, 'checked'),
    identity: [config.key, 'month_no', 'is_delete', config.version, ...config.tieBreaks, 'rec_hash'],
    order: ['bucket', config.key, 'month_no', 'is_delete', config.version, ...config.tieBreaks, 'rec_hash'],
    columns: [
      'bucket',
      'month_no',
      'is_delete',
      'rec_hash',
      ...targetColumns(config).map(({ name }) => name),
    ],
    isDelete: 'WHERE is_delete',
    dropped: match.dropped,
    missing: match.missing,
  };
}

function deletionShape(config: SummaryConfig, source: OpenedSource, buckets: number): Shape {
  const checked = checkedDeletions(config, source);
  return {
    checked: checked.sql,
    prepared: preparedDeletions(config, buckets, 'checked'),
    identity: ['key', 'month_no', 'version', 'hash'],
    order: ['bucket', 'key', 'month_no', 'version', 'hash'],
    columns: ['bucket', 'month_no', 'key', 'date', 'code', 'version', 'hash', 'is_delete'],
    isDelete: 'WHERE false',
    dropped: checked.dropped,
    missing: [],
  };
}
