import { duckDb } from '../../engine/duckdb-dialect.ts';
import { DuplicateStoredKeyError, IntegrityError } from '../../errors.ts';
import { dataFileFromJson } from '../../iceberg/index.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import type { Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { tableChange } from '../files/file-changes.ts';
import { openFiles, scan } from '../files/reading.ts';
import { type UnitTable, unitTable } from '../files/tables-io.ts';
import { inUnitRoom } from '../files/unit-room.ts';
import { bytesIn, writeDataFile } from '../files/writing.ts';
import { storedNames, summaryShape } from '../tables/columns.ts';
import { tableIdentifier } from '../tables/tables.ts';
import type { FileSpec, SummaryContext } from '../types.ts';
import { compareLatest, type Deviations, type OpenLatest, wantedFiles } from './compare.ts';
import { wantedRows, withWanted } from './sql.ts';

export const repairStage = 'repair';

/** One bucket of the stage `repair`: everything that is compared. */
export interface RepairSpec {
  readonly stage: typeof repairStage;
  /** Absent for DuckDB. */
  readonly engine?: 'spark';
  readonly bucket: number;
  readonly buckets: number;
  /** Digest of the columns that files are written with. */
  readonly columns: string;
  readonly summary: readonly FileSpec[];
  readonly latest: readonly FileSpec[];
}

export interface RepairOutcome {
  readonly stage: typeof repairStage;
  readonly bucket: number;
  readonly changes: readonly TableChange[];
  readonly found: Deviations;
  /** Rows of latest that were written; 0 when nothing deviated. */
  readonly written: number;
}

/** Compares one bucket of latest with summary, and writes its rows anew when a key deviates. */
export async function repairUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: RepairSpec,
): Promise<UnitResult> {
  const attempt = async (share = {}): Promise<RepairOutcome> => {
    await using session = await context.session(`${item.stage}-${item.unit}`, share);
    const shape = summaryShape(context.config);
    const store = context.world.warehouse;
    const latest = await unitTable(context, plan, 'latest');
    const summary = await unitTable(context, plan, 'summary');
    const open = {
      session,
      shape,
      summary: await openFiles({
        session,
        store,
        name: 'pw_summary',
        schema: summary.schema,
        files: spec.summary,
      }),
      latest: await openFiles({
        session,
        store,
        name: 'pw_latest',
        schema: latest.schema,
        files: spec.latest,
      }),
    };
    const name = `${context.runId}-${item.unit}`;
    return {
      stage: repairStage,
      bucket: spec.bucket,
      ...(await remakeLatest({ context, open, table: latest, name, ...spec })),
    };
  };
  const outcome = await inUnitRoom({
    context,
    item,
    attempt,
    withLess: context.threads === 1 ? undefined : () => attempt({ threads: 1 }),
  });
  return repairResult(outcome);
}

export function repairResult(outcome: RepairOutcome): UnitResult {
  const bytes = outcome.changes.reduce((sum, change) => sum + bytesIn(change.added.map(dataFileFromJson)), 0);
  return { rows: outcome.found.keys, bytes, outcome };
}

interface RemakeOptions {
  readonly context: SummaryContext;
  readonly open: OpenLatest;
  /** The table latest. */
  readonly table: UnitTable;
  /** Starts the names of the files that are written. */
  readonly name: string;
  readonly bucket: number;
  /** Files of the bucket of latest, all of which are replaced. */
  readonly latest: readonly FileSpec[];
}

/**
 * The bucket's rows of latest, from summary, when a key deviates; no change otherwise.
 * @throws DuplicateStoredKeyError when summary holds a (key, month) twice: nobody can say which row counts
 */
export async function remakeLatest(
  options: RemakeOptions,
): Promise<Pick<RepairOutcome, 'changes' | 'found' | 'written'>> {
  const { context, open, table, name, bucket, latest } = options;
  const found = await compareLatest(open);
  refuseStoredTwice(context, bucket, found);
  if (found.deviating === 0) return { changes: [], found, written: 0 };
  const { session, shape } = open;
  const rows = scan(await wantedFiles(open), { columns: storedNames(shape), wanted: 'pw_wanted' });
  const select = wantedRows(duckDb, shape, [withWanted(rows)]);
  // The optimizer would hold the rows, arrays and all, instead of their places.
  await session.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'");
  const file = await writeDataFile({ context, session, table, name, select, cell: { bucket } });
  await session.execute('RESET disabled_optimizers');
  refuseOtherRows(bucket, found, file?.rows ?? 0);
  const change = tableChange({ role: 'latest', added: file === undefined ? [] : [file], removed: latest });
  return { changes: [change], found, written: found.keys };
}

/** @throws DuplicateStoredKeyError when summary holds a (key, month) twice: nobody can say which row counts */
export function refuseStoredTwice({ config }: SummaryContext, bucket: number, found: Deviations): void {
  if (found.storedTwice === 0) return;
  const { namespace, name } = tableIdentifier(config, 'summary');
  throw new DuplicateStoredKeyError(
    `${namespace}.${name} holds a month of key ${found.storedTwiceKey} more than once, and of ${found.storedTwice - 1} more keys in bucket ${bucket}`,
    {
      details: { bucket, key: found.storedTwiceKey, keys: found.storedTwice },
      safe: 'nothing was changed',
      next: 'partwise verify --full names the rows; remove all but one of each with the engine that wrote them',
    },
  );
}

/** @throws IntegrityError when not each key of summary has become a row */
export function refuseOtherRows(bucket: number, { keys }: Deviations, rows: number): void {
  if (rows === keys) return;
  throw new IntegrityError(`latest, bucket ${bucket}: ${keys} keys of summary became ${rows} rows`, {
    safe: 'the tables are untouched',
  });
}
