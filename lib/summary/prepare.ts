import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { SummaryConfig } from '../config/schema.ts';
import { targetColumns } from '../config/types.ts';
import { ConfigError, PartwiseError, PoisonInputError, UnitTooLargeError } from '../errors.ts';
import { type OpenedSource, openSource } from '../run/sources/open.ts';
import { RowRejects } from '../run/sources/rejects.ts';
import { takePrivateCopy } from '../run/sources/version.ts';
import type { Prepared, RunContext } from '../run/workload.ts';
import type { IntakeItem } from '../stores/ports.ts';
import { checkedDeletions, preparedDeletions } from './prepare-deletions.ts';
import {
  adoptOnce,
  dropDuplicates,
  type OutputShape,
  quarantineFaults,
  writeRows,
} from './prepare-output.ts';
import { checkedRows, matchColumns, preparedRows } from './prepare-rows.ts';

/** Name of the feed that overrides dates and delete codes. */
const deletionsFeed = 'deletions';

/** So many refused rows of a file are listed at least; more when the error budget lets more pass. */
const listedRows = 10_000;

/** Disk that any file may use while it is prepared. */
const freeSpillBytes = 256e6;

/** Stable id of a source object's version, for the names of what is made of it. */
export function prepareUnit(item: Pick<IntakeItem, 'location' | 'version'>): string {
  return createHash('sha256').update(`${item.location}\n${item.version}`).digest('hex').slice(0, 24);
}

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
export async function prepare(context: RunContext, item: IntakeItem): Promise<Prepared> {
  const { config, world } = context;
  const { buckets } = config.tables;
  if (buckets === undefined) throw new ConfigError('tables.buckets is not decided yet');
  const unit = prepareUnit(item);
  context.signal.throwIfAborted();
  await using session = await context.session(`prepare-${unit}`);
  const interrupt = () => session.interrupt();
  context.signal.addEventListener('abort', interrupt, { once: true });
  using _listening = { [Symbol.dispose]: () => context.signal.removeEventListener('abort', interrupt) };
  const copy = await takePrivateCopy(
    await world.staging.localPath(item.location, item.version),
    item.version,
    join(session.workFolder, 'source'),
  );
  const rejects = new RowRejects(
    join(session.workFolder, 'rejects.jsonl'),
    item.location,
    Math.max(config.limits.badRows, listedRows),
  );
  const deletions = item.feed === deletionsFeed ? config.deletions : undefined;
  if (item.feed === deletionsFeed && deletions === undefined)
    throw new ConfigError(`pipeline ${config.pipeline} has no deletions feed`);

  const source = await openSource({
    session,
    path: copy.path,
    sizeBytes: copy.sizeBytes,
    name: item.location.split('/').at(-1) ?? '',
    feed: deletions ?? config.source,
    limits: config.limits,
    positional:
      deletions === undefined
        ? config.columns.map(({ name, from }) => from ?? name)
        : [deletions.key, deletions.date, deletions.code, deletions.version],
    rejects,
  });
  const shape =
    deletions === undefined ? recordShape(config, source, buckets) : deletionShape(config, source, buckets);
  const spillBytes = allowedSpill(copy.sizeBytes, config);
  await session.execute(
    `SET max_temp_directory_size = '${spillBytes}B'; SET ieee_floating_point_ops = false`,
  );
  await poisonOnRead(spillBytes, () => session.execute(`CREATE TEMP TABLE checked AS ${shape.checked}`));
  await quarantineFaults(session, source, rejects);
  await session.execute(`CREATE TEMP TABLE accepted AS ${shape.prepared}`);
  const duplicates = await dropDuplicates(session, shape.identity);
  const written = await writeRows(context, session, shape, unit);
  const cells = await session.query(
    `SELECT month_no, bucket, count(*) AS n, count(*) FILTER (${shape.isDelete}) AS deletes FROM accepted GROUP BY ALL ORDER BY ALL`,
  );
  const quarantined = rejects.close();
  const quarantineLocation =
    quarantined === undefined ? undefined : `${context.folder}/quarantine/${unit}.jsonl`;
  if (quarantined !== undefined && quarantineLocation !== undefined)
    await adoptOnce(context, quarantined, quarantineLocation);
  return {
    item: { feed: item.feed, location: item.location, version: item.version, sizeBytes: item.sizeBytes },
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

/** Text that a file repeats without storing it again (dictionaries) may fill so much disk, not all of it. */
function allowedSpill(sizeBytes: number, config: SummaryConfig): number {
  return Math.floor(Math.max(freeSpillBytes, 4 * sizeBytes * config.limits.expansion));
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
  const match = matchColumns(config, source);
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

/** The engine's complaints while it decodes the file's bytes are the file's fault. */
async function poisonOnRead(spillBytes: number, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    if (cause instanceof UnitTooLargeError && /max_temp_directory_size/.test(String(cause.cause))) {
      throw new PoisonInputError(
        `the rows of the file need more than ${spillBytes} bytes, too much for its size (limits.expansion)`,
        { cause },
      );
    }
    if (
      cause instanceof Error &&
      !(cause instanceof PartwiseError) &&
      /Invalid Input Error|IO Error|Invalid Error|Conversion Error|Serialization Error|TProtocolException|Out of Range/i.test(
        cause.message,
      )
    ) {
      throw new PoisonInputError(`the file cannot be read: ${cause.message.split('\n')[0]}`, { cause });
    }
    throw cause;
  }
}
