import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type SummaryConfig, summarySchema } from '../../lib/config/summary-schema.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import type { EngineSession } from '../../lib/engine/engine.ts';
import { identifier, text } from '../../lib/engine/sql.ts';
import { fieldIds } from '../../lib/run/field-ids.ts';
import type { World } from '../../lib/run/workload.ts';
import { openDirectoryStore } from '../../lib/stores/folder/directory.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import type { Location, ObjectStore } from '../../lib/stores/ports.ts';
import type { BucketAudit } from '../../lib/summary/audit/context.ts';
import { type Findings, findings } from '../../lib/summary/audit/findings.ts';
import { monthText } from '../../lib/summary/audit/sql.ts';
import type { RoleState, StateFile, TableState } from '../../lib/summary/audit/state.ts';
import { summaryShape } from '../../lib/summary/tables/columns.ts';
import { type Role, targetTables } from '../../lib/summary/tables/tables.ts';
import type { SummaryContext } from '../../lib/summary/types.ts';
import { type ExpectedKey, recompute } from '../../lib/summary/verify/recompute.ts';
import type { Deletion, SourceRecord, StoredMonth } from '../../lib/summary/verify/registers.ts';
import { recomputeRules } from '../../lib/summary/verify/rows.ts';

/** One bucket of small tables with real Parquet files, and a run over it that is right until a test spoils it. */

export const runId = 'run-now';

export const config: SummaryConfig = summarySchema.parse({
  pipeline: 'accounts',
  kind: 'summary',
  columns: [
    { name: 'account', type: 'bigint' },
    { name: 'month', type: 'month' },
    { name: 'base_ts', type: 'bigint' },
    { name: 'seq', type: 'int' },
    { name: 'balance', type: 'bigint' },
    { name: 'rating', type: 'string' },
    { name: 'deleted', type: 'string' },
  ],
  key: 'account',
  month: 'month',
  version: 'base_ts',
  tieBreaks: ['seq'],
  history: [{ name: 'balance' }, { name: 'rating' }],
  grids: [{ name: 'rating_grid', from: 'rating' }],
  historyLength: 6,
  delete: { column: 'deleted' },
  tables: { buckets: 1 },
});
export const shape = summaryShape(config);
const rules = recomputeRules(shape, 'ignore');

export type Row = Record<string, unknown>;

export interface Key {
  readonly account: number;
  readonly stored: readonly StoredMonth[];
  readonly records: readonly SourceRecord[];
  readonly tombstones: ReadonlyMap<number, Deletion>;
}

export const month = (value: string) => Number(value.slice(0, 4)) * 12 + Number(value.slice(5, 7));

export function record(
  at: string,
  version: number,
  balance: number | null,
  deleteCode?: string,
): SourceRecord {
  const scalars = {
    base_ts: version,
    seq: null,
    balance,
    rating: balance === null ? null : 'ABC'[balance % 3],
    deleted: deleteCode ?? null,
  };
  return {
    month: month(at),
    tuple: { ranks: [version, null], hash: version * 7 + (balance ?? 0) },
    deleteCode,
    scalars,
  };
}

/** Stored rows that the rules make of records: consistent tables to begin with. */
export function stored(...records: readonly SourceRecord[]): ExpectedKey {
  return recompute(rules, { stored: [], tombstones: new Map(), records });
}

export function key(account: number, before: readonly SourceRecord[], records: readonly SourceRecord[]): Key {
  const { rows, tombstones } = stored(...before);
  return { account, stored: rows, tombstones, records };
}

function summaryRow(
  account: number,
  row: StoredMonth & { readonly grids?: Readonly<Record<string, string>> },
  changed: string,
): Row {
  const register = (columns: typeof shape.record, tuple: StoredMonth['tuple'] | undefined) => ({
    [columns.version]: tuple?.ranks[0] ?? null,
    ...Object.fromEntries(columns.ties.map((name, index) => [name, tuple?.ranks[index + 1] ?? null])),
    [columns.hash]: tuple?.hash ?? null,
  });
  return {
    account,
    month: monthText(row.month),
    ...row.scalars,
    ...row.arrays,
    ...row.grids,
    ...register(shape.record, row.tuple),
    ...register(shape.deletion, row.deletion?.tuple),
    changed_run: changed,
  };
}

export interface Bucket {
  readonly audit: BucketAudit;
  readonly findings: Findings;
  readonly session: EngineSession;
  readonly store: ObjectStore;
  /** Writes rows as a file of the role's table. */
  readonly write: (role: Role, rows: readonly Row[], month?: string) => Promise<StateFile>;
  readonly close: () => Promise<void>;
}

/** What the run writes, as rows; a test changes them before they become files. */
export interface Written {
  /** New rows by month, to be written beside the old file, whose rows of the same keys are deleted by position. */
  readonly beside: Map<string, Row[]>;
  /** All rows of months whose file is replaced. */
  readonly replaced: Map<string, Row[]>;
  /** All rows of latest. */
  latest: Row[];
  tombstones: Row[];
  /** Positions to delete, by month; derived from `beside`. */
  readonly deletes: Map<string, number[]>;
}

interface BuildOptions {
  readonly keys: readonly Key[];
  readonly replacedMonths: readonly string[];
  readonly spoil?: (written: Written) => void;
}

export async function buildBucket(options: BuildOptions): Promise<Bucket> {
  const folder = await mkdtemp(`${tmpdir()}/partwise-audit-`);
  const session = await openDuckDb({ memoryBytes: 2 ** 28, threads: 1, workFolder: `${folder}/session` });
  const store = await openDirectoryStore({ path: `${folder}/warehouse` });
  const targets = targetTables(config, store.root);
  const schemaOf = (role: Role) => ({
    schemaId: 0,
    fields: targets.find((one) => one.role === role)?.fields ?? [],
  });
  let files = 0;

  const columnTypes: Record<string, string> = {
    ...Object.fromEntries([...shape.scalars, ...shape.system].map((column) => [column.name, column.sqlType])),
    ...Object.fromEntries(shape.histories.map((column) => [column.name, `${column.elementSqlType}[]`])),
    ...Object.fromEntries(shape.grids.map((column) => [column.name, 'VARCHAR'])),
    pw_newest_month: 'VARCHAR',
    pw_del_code: 'VARCHAR',
    bucket: 'INTEGER',
    month_no: 'INTEGER',
    is_delete: 'BOOLEAN',
    rec_hash: 'BIGINT',
    file_path: 'VARCHAR',
    pos: 'BIGINT',
  };
  const writeParquet = async (
    rows: readonly Row[],
    names: readonly string[],
    ids?: ReturnType<typeof fieldIds>,
  ) => {
    files += 1;
    const number = files;
    const json = `${session.workFolder}/${number}.json`;
    await writeFile(
      json,
      rows
        .map(
          (row) => `${JSON.stringify(Object.fromEntries(names.map((name) => [name, row[name] ?? null])))}\n`,
        )
        .join(''),
    );
    const columns = names
      .map((name) => `${identifier(name)}: ${text(columnTypes[name] ?? 'VARCHAR')}`)
      .join(', ');
    const empty = `SELECT ${names.map((name) => `NULL::${columnTypes[name] ?? 'VARCHAR'} AS ${identifier(name)}`).join(', ')} WHERE false`;
    const path = `${session.workFolder}/${number}.parquet`;
    await session.writeParquet({
      select:
        rows.length === 0
          ? empty
          : `SELECT * FROM read_json(${text(json)}, format = 'newline_delimited', columns = {${columns}})`,
      path,
      ...(ids === undefined ? {} : { fieldIds: ids }),
    });
    const location = joinLocation(store.root, `${number}.parquet`);
    const info = await store.adopt(path, location);
    return { location, rows: rows.length, sizeBytes: info.sizeBytes, deletes: [] as Location[], month: '' };
  };
  const write = async (role: Role, rows: readonly Row[], at = ''): Promise<StateFile> => {
    const { fields } = schemaOf(role);
    return {
      ...(await writeParquet(
        rows,
        fields.map((field) => field.name),
        fieldIds({ fields }),
      )),
      month: at,
    };
  };

  const before = new Map<string, Row[]>();
  const written: Written = {
    beside: new Map(),
    replaced: new Map(),
    latest: [],
    tombstones: [],
    deletes: new Map(),
  };
  const latestBefore: Row[] = [];
  const tombstonesBefore: Row[] = [];
  const push = (map: Map<string, Row[]>, at: string, row: Row) => map.set(at, [...(map.get(at) ?? []), row]);
  const withNewest = (row: Row, months: readonly { readonly month: number }[]) => ({
    ...row,
    pw_newest_month: monthText(Math.max(...months.map((one) => one.month))),
  });
  const tombstoneRows = (account: number, tombstones: ReadonlyMap<number, Deletion>): Row[] =>
    [...tombstones].map(([at, deletion]) => ({
      account,
      month: monthText(at),
      pw_del_code: deletion.code,
      pw_del_version: deletion.tuple.ranks[0],
      pw_del_tie1: null,
      pw_del_hash: deletion.tuple.hash,
      changed_run: runId,
    }));
  for (const one of options.keys) {
    const old = recompute(rules, { stored: one.stored, tombstones: one.tombstones, records: [] });
    const now = recompute(rules, one);
    const oldRows = new Map(old.rows.map((row) => [row.month, summaryRow(one.account, row, 'run-before')]));
    for (const [at, row] of oldRows) push(before, monthText(at), row);
    const newRows = new Map<number, Row>();
    for (const row of now.rows) {
      const at = monthText(row.month);
      const made = row.changed ? summaryRow(one.account, row, runId) : { ...oldRows.get(row.month) };
      newRows.set(row.month, made);
      if (options.replacedMonths.includes(at)) push(written.replaced, at, made);
      else if (row.changed) push(written.beside, at, made);
    }
    if (old.latest !== undefined)
      latestBefore.push(withNewest(oldRows.get(old.latest.month) ?? {}, old.rows));
    if (now.latest !== undefined)
      written.latest.push(withNewest(newRows.get(now.latest.month) ?? {}, now.rows));
    tombstonesBefore.push(...tombstoneRows(one.account, one.tombstones));
    written.tombstones.push(...tombstoneRows(one.account, now.tombstones));
  }
  for (const [at, rows] of written.beside) {
    const accounts = new Set(rows.map((row) => row['account']));
    written.deletes.set(
      at,
      (before.get(at) ?? []).flatMap((row, position) => (accounts.has(row['account']) ? [position] : [])),
    );
  }
  options.spoil?.(written);

  const summaryBefore = await Promise.all([...before].map(([at, rows]) => write('summary', rows, at)));
  const fileOf = (at: string) => summaryBefore.find((file) => file.month === at)?.location ?? '';
  const summary = {
    before: summaryBefore,
    added: await Promise.all(
      [...written.beside, ...written.replaced].map(([at, rows]) => write('summary', rows, at)),
    ),
    addedDeletes: await Promise.all(
      [...written.deletes]
        .filter(([, positions]) => positions.length > 0)
        .map(async ([at, positions]) => {
          const rows = positions.map((pos) => ({ file_path: fileOf(at), pos }));
          return { ...(await writeParquet(rows, ['file_path', 'pos'])), month: at, referenced: fileOf(at) };
        }),
    ),
    removed: new Set([...written.replaced.keys()].map(fileOf)),
    removedDeletes: new Set<Location>(),
  };
  const wholly = async (role: Role, old: readonly Row[], fresh: readonly Row[]): Promise<RoleState> => {
    const oldFile = await write(role, old);
    return {
      before: [oldFile],
      added: [await write(role, fresh)],
      addedDeletes: [],
      removed: new Set([oldFile.location]),
      removedDeletes: new Set(),
    };
  };
  const records = options.keys.flatMap(({ account, records: list }) =>
    list.map((one) => ({
      ...one.scalars,
      account,
      month: monthText(one.month),
      bucket: 0,
      month_no: one.month,
      is_delete: one.deleteCode !== undefined,
      rec_hash: one.tuple.hash,
    })),
  );
  const source = await writeParquet(records, [
    'bucket',
    'month_no',
    'is_delete',
    'rec_hash',
    ...shape.scalars.map(({ name }) => name),
  ]);
  const world = { warehouse: store, results: store } as unknown as World;
  const context = { world, config, runId } as unknown as SummaryContext;
  const table = (role: Role): TableState => ({
    role,
    table: undefined,
    schema: schemaOf(role),
    snapshotId: undefined,
  });
  const found = findings();
  return {
    audit: {
      context,
      session,
      shape,
      findings: found,
      tables: { summary: table('summary'), latest: table('latest'), tombstones: table('tombstones') },
      state: {
        bucket: 0,
        roles: {
          summary,
          latest: await wholly('latest', latestBefore, written.latest),
          tombstones: await wholly('tombstones', tombstonesBefore, written.tombstones),
        },
      },
      sources: [source.location],
      feed: [],
    },
    findings: found,
    session,
    store,
    write,
    close: async () => {
      await session[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
