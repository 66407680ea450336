import type { EngineSession } from '../../engine/engine.ts';
import { DuplicateStoredKeyError } from '../../errors.ts';
import { fetchByPlaces, type OpenFiles, scan } from '../files/reading.ts';
import { monthText } from '../sql/months.ts';
import { type SummaryShape, storedNames } from '../tables/columns.ts';
import {
  addRebuilt,
  gatheredRows,
  gatheredTable,
  gatheredTwice,
  linesTable,
  placesTable,
  sliceTable,
  valuesTable,
} from './sql.ts';

/** Rows that are to stand right: of these keys, or of all, in months [first, last]. */
export interface RowScope {
  readonly keys: readonly string[] | undefined;
  readonly first: number;
  readonly last: number;
}

interface ComputeOptions {
  readonly session: EngineSession;
  readonly shape: SummaryShape;
  readonly summary: OpenFiles;
  readonly scope: RowScope;
  /** Array entries that a slice of keys has at most; default as measured. */
  readonly sliceEntries?: number;
  /** Called after each slice of keys, with `pw_gathered` and `pw_rebuilt`, which has the rows of earlier slices too. */
  readonly afterSlice?: () => Promise<void>;
}

/** As lists and line by line entries take some hundred bytes each: a slice stays below 500 MB. */
const defaultSliceEntries = 6_000_000;

/**
 * Adds to `pw_rebuilt` what is to change in the rows of the scope. Where they are many, they are gathered once into files by
 * slices of keys, and worked off slice by slice.
 * @returns how many rows of the scope there are
 * @throws DuplicateStoredKeyError when a (key, month) is stored twice
 */
export async function computeRebuilt(options: ComputeOptions): Promise<number> {
  const { session, shape, summary, scope, sliceEntries = defaultSliceEntries } = options;
  // Rows take their values from the H - 1 months before them, and from no later row.
  const files = summary.files.filter(
    ({ spec }) => spec.month > scope.first - shape.historyLength && spec.month <= scope.last,
  );
  if (scope.keys !== undefined) {
    await gatherKeys(options, scope.keys, files);
    return await computeGathered(options);
  }
  const rows = files.reduce((sum, { spec }) => sum + spec.rows, 0);
  const count = Math.ceil((rows * Math.max(1, shape.histories.length) * shape.historyLength) / sliceEntries);
  const source = scan(summary, { columns: storedNames(shape), files });
  if (count <= 1) {
    await session.execute(gatheredTable(shape, source));
    return await computeGathered(options);
  }
  // Rows of many slices are held until a slice has so many.
  await session.execute('SET partitioned_write_flush_threshold = 4096');
  const written = await session.writeParquet({
    select: gatheredRows(shape, source, count),
    path: `${session.workFolder}/gathered`,
    partitionBy: ['pw_slice'],
    rowGroupRows: 4096,
  });
  let found = 0;
  for (const [, own] of Map.groupBy(written, ({ partition }) => partition['pw_slice'])) {
    await session.execute(sliceTable(own.map(({ path }) => path)));
    found += await computeGathered(options);
  }
  return found;
}

/** `pw_gathered` of named keys: first where their rows lie, then the rows. */
async function gatherKeys(
  { session, shape, summary }: ComputeOptions,
  keys: readonly string[],
  within: OpenFiles['files'],
): Promise<void> {
  await session.execute(
    placesTable(shape, scan(summary, { columns: [shape.key.name], files: within }), keys),
  );
  const used = (await session.query('SELECT DISTINCT pw_file FROM pw_places')).map((row) =>
    Number(row['pw_file']),
  );
  const files = within.filter(({ no }) => used.includes(no));
  const rows = scan(summary, { columns: storedNames(shape), files, wanted: 'pw_places' });
  await fetchByPlaces(session, gatheredTable(shape, rows));
}

async function computeGathered({ session, shape, scope, afterSlice }: ComputeOptions): Promise<number> {
  await refuseTwice(session);
  await session.execute(valuesTable(shape));
  await session.execute(linesTable(shape));
  await session.execute(addRebuilt(shape, scope.first, scope.last));
  const [row] = await session.query(
    `SELECT count(*) AS n FROM pw_gathered WHERE pw_month BETWEEN ${scope.first} AND ${scope.last}`,
  );
  await afterSlice?.();
  return Number(row?.['n'] ?? 0);
}

async function refuseTwice(session: EngineSession): Promise<void> {
  const [twice] = await session.query(gatheredTwice);
  if (twice === undefined) return;
  const key = String(twice['key']);
  throw new DuplicateStoredKeyError(
    `summary holds key ${key}, month ${monthText(Number(twice['pw_month']))}, more than once`,
    {
      details: { key },
      safe: 'nothing was changed',
      next: 'partwise verify --full names the rows; remove all but one of each with the engine that wrote them',
    },
  );
}
