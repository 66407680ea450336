import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession, SqlRow } from '../../engine/engine.ts';
import { identifier, textList } from '../../engine/sql.ts';
import { DuplicateStoredKeyError } from '../../errors.ts';
import type { Plan } from '../../run/workload.ts';
import type { Location } from '../../stores/ports.ts';
import { type OpenFiles, openFiles, scan } from '../files/reading.ts';
import { type UnitTable, unitTable } from '../files/tables-io.ts';
import { preparedPaths } from '../prepare/prepared-paths.ts';
import {
  batchTable,
  candidateTable,
  latestTable,
  ownTable,
  type PreparedRows,
  registerColumnNames,
  resolvedTable,
  storedTwice,
  tombstoneTable,
} from '../sql/classify.ts';
import { feedTable } from '../sql/feed.ts';
import { monthText } from '../sql/months.ts';
import { newestMonth, type SummaryShape } from '../tables/columns.ts';
import { type Role, tableIdentifier } from '../tables/tables.ts';
import type { ResolveSpec, SummaryContext } from '../types.ts';
import type { KeySlice } from './slices.ts';

/** The three tables of a bucket, opened in a session in which pw_resolved and what it stands on exist. */
export interface BucketSession {
  readonly context: SummaryContext;
  readonly session: EngineSession;
  readonly spec: ResolveSpec;
  readonly shape: SummaryShape;
  readonly tables: Readonly<Record<Role, UnitTable>>;
  readonly files: Readonly<Record<Role, OpenFiles>>;
  /** Starts the names of all files that the unit writes. */
  readonly name: string;
}

interface OpenOptions {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly session: EngineSession;
  readonly spec: ResolveSpec;
  readonly shape: SummaryShape;
  readonly name: string;
  /** Only these of the bucket's keys. */
  readonly slice?: KeySlice;
}

/**
 * Reads the bucket's prepared rows, the registers of the stored rows of their months, and the keys' places in
 * latest; judges every record.
 * @throws DuplicateStoredKeyError when a (key, month) is stored twice
 */
export async function openBucket(options: OpenOptions): Promise<BucketSession> {
  const { context, plan, session, spec, shape } = options;
  const store = context.world.warehouse;
  const open = async (role: Role) => {
    const table = await unitTable(context, plan, role);
    return {
      table,
      files: await openFiles({ session, store, name: `pw_${role}`, schema: table.schema, files: spec[role] }),
    };
  };
  const summary = await open('summary');
  const latest = await open('latest');
  const tombstones = await open('tombstones');

  const prepared = async (locations: readonly Location[], key: string) =>
    preparedRows(
      await preparedPaths(context.world.results, locations, spec.bucket),
      key,
      spec.bucket,
      options.slice,
    );
  await session.execute(batchTable(duckDb, shape, await prepared(spec.sources, shape.key.name)));
  if (shape.feed !== undefined)
    await session.execute(feedTable(duckDb, shape, shape.feed, await prepared(spec.feed, 'key')));
  await session.execute(candidateTable(duckDb, shape));
  const months = new Set(spec.months.map(([month]) => month));
  const cells = summary.files.files.filter((file) => months.has(file.spec.month));
  const registers = registerColumnNames(shape);
  await session.execute(ownTable(duckDb, shape, scan(summary.files, { files: cells, columns: registers })));
  await session.execute(
    latestTable(
      duckDb,
      shape,
      scan(latest.files, { columns: [...registers, shape.month.name, newestMonth] }),
    ),
  );
  await session.execute(tombstoneTable(duckDb, shape, scan(tombstones.files)));
  const [own] = await session.query(storedTwice.own);
  const [inLatest] = await session.query(storedTwice.latest);
  refuseTwice(context, own, inLatest);
  await session.execute(resolvedTable(duckDb, shape, context.config.onStale));
  return {
    context,
    session,
    spec,
    shape,
    name: options.name,
    tables: { summary: summary.table, latest: latest.table, tombstones: tombstones.table },
    files: { summary: summary.files, latest: latest.files, tombstones: tombstones.files },
  };
}

/** The bucket's rows of some prepared files, of the keys of a slice. @param key their key's column */
export function preparedRows(
  paths: readonly string[],
  key: string,
  bucket: number,
  slice: KeySlice | undefined,
): PreparedRows {
  const within = slice === undefined ? '' : ` AND hash(${identifier(key)}) % ${slice.count} = ${slice.index}`;
  return {
    from: paths.length === 0 ? undefined : `read_parquet(${textList(paths)})`,
    where: `bucket = ${bucket}${within}`,
  };
}

/**
 * @param own @param latest what `storedTwice` found
 * @throws DuplicateStoredKeyError when it found one
 */
export function refuseTwice(
  context: SummaryContext,
  own: SqlRow | undefined,
  latest: SqlRow | undefined,
): void {
  const found = own ?? latest;
  if (found === undefined) return;
  const { namespace, name } = tableIdentifier(context.config, own === undefined ? 'latest' : 'summary');
  const month = own === undefined ? '' : `, month ${monthText(Number(own['pw_month']))},`;
  throw new DuplicateStoredKeyError(
    `${namespace}.${name} holds key ${String(found['pw_key'])}${month} more than once`,
    {
      details: { key: String(found['pw_key']) },
      safe: 'nothing was changed',
      next: `partwise verify ${context.runId} --full`,
    },
  );
}
