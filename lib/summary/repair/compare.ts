import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineSession, SqlRow } from '../../engine/engine.ts';
import { fetchByPlaces, type OpenFiles, scan } from '../files/reading.ts';
import { registerColumnNames } from '../sql/classify.ts';
import { monthText } from '../sql/months.ts';
import { newestMonth, type SummaryShape, storedNames } from '../tables/columns.ts';
import {
  type DeviationKind,
  deviatingTable,
  deviationCounts,
  deviationExamples,
  deviationKinds,
  differingColumns,
  hashesTable,
  storedTable,
  wantedCounts,
  wantedTable,
  wrongPlaces,
} from './sql.ts';

/** A bucket of latest against summary, opened in a session. */
export interface OpenLatest {
  readonly session: EngineSession;
  readonly shape: SummaryShape;
  readonly summary: OpenFiles;
  readonly latest: OpenFiles;
}

export interface Deviations {
  /** Keys of summary. */
  readonly keys: number;
  /** Keys of which a month is stored more than once, and the first of them: which row counts cannot be said. */
  readonly storedTwice: number;
  readonly storedTwiceKey: string | undefined;
  /** Keys by what is wrong with them in latest. */
  readonly kinds: Readonly<Record<DeviationKind, number>>;
  readonly deviating: number;
}

/** Leaves `pw_wanted`, with the places of the rows that latest must hold, and `pw_deviating`. */
export async function compareLatest(open: OpenLatest): Promise<Deviations> {
  const { session, shape, summary, latest } = open;
  const columns = storedNames(shape);
  const registers = registerColumnNames(shape);
  await session.execute(wantedTable(duckDb, shape, scan(summary, { columns: registers })));
  await session.execute(storedTable(duckDb, shape, scan(latest, { columns: [...columns, newestMonth] })));
  await fetchByPlaces(
    session,
    hashesTable(duckDb, shape, [`${scan(await wantedFiles(open), { columns, wanted: 'pw_wanted' })} AS s`]),
  );
  await session.execute(deviatingTable(duckDb));
  const [row] = await session.query(wantedCounts(duckDb));
  return readDeviations(row, await session.query(deviationCounts));
}

/** @param row of `wantedCounts` @param rows of `deviationCounts` */
export function readDeviations(row: SqlRow | undefined, rows: readonly SqlRow[]): Deviations {
  const counts = new Map(rows.map((one) => [String(one['pw_kind']), Number(one['n'])]));
  const kinds = Object.fromEntries(deviationKinds.map((kind) => [kind, counts.get(kind) ?? 0]));
  const storedTwice = Number(row?.['twice'] ?? 0);
  return {
    keys: Number(row?.['keys'] ?? 0),
    storedTwice,
    storedTwiceKey: storedTwice === 0 ? undefined : String(row?.['example']),
    kinds: kinds as Record<DeviationKind, number>,
    deviating: [...counts.values()].reduce((sum, n) => sum + n, 0),
  };
}

/** Summary files in which a wanted row lies. Needs `pw_wanted`. */
export async function wantedFiles({ session, summary }: OpenLatest): Promise<OpenFiles> {
  const used = (await session.query('SELECT DISTINCT pw_file FROM pw_wanted')).map((row) =>
    Number(row['pw_file']),
  );
  return { ...summary, files: summary.files.filter((file) => used.includes(file.no)) };
}

export interface Example {
  readonly key: string;
  readonly kind: DeviationKind;
  /** `YYYY-MM`; undefined when latest, or summary, has no row of the key. */
  readonly found: string | undefined;
  readonly expected: string | undefined;
}

/** The first few deviating keys of each kind. Needs `pw_deviating`. */
export async function examples({ session }: OpenLatest): Promise<readonly Example[]> {
  const month = (value: unknown) =>
    value === null || value === undefined ? undefined : monthText(Number(value));
  return (await session.query(deviationExamples)).map((row) => ({
    key: String(row['key']),
    kind: String(row['pw_kind']) as DeviationKind,
    found: month(row['pw_found']),
    expected: month(row['pw_expected']),
  }));
}

/** In which columns rows of latest differ from their summary row, with how many do, most first. Needs `pw_deviating`. */
export async function wrongColumns(
  open: OpenLatest,
): Promise<readonly { readonly column: string; readonly rows: number }[]> {
  const { session, shape, latest } = open;
  await session.execute(wrongPlaces.stored);
  await session.execute(wrongPlaces.wanted);
  const columns = storedNames(shape);
  const [row] = await session.query(
    differingColumns(
      shape,
      scan(latest, { columns, wanted: 'pw_wrong_stored' }),
      scan(await wantedFiles(open), { columns, wanted: 'pw_wrong_wanted' }),
    ),
  );
  return columns
    .map((column, index) => ({ column, rows: Number(row?.[`c${index}`] ?? 0) }))
    .filter(({ rows }) => rows > 0)
    .sort((a, b) => b.rows - a.rows);
}
