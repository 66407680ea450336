import type { EngineSession } from '../../engine/engine.ts';
import { DuplicateStoredKeyError } from '../../errors.ts';
import { type SummaryShape, storedNames } from '../columns.ts';
import { fetchByPlaces, type OpenFiles, scan } from '../reading.ts';
import { monthText } from '../sql/months.ts';
import {
  addRebuilt,
  gatheredTable,
  gatheredTwice,
  linesTable,
  placesTable,
  type RowFilter,
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
  readonly slice: { readonly index: number; readonly count: number };
}

/**
 * Adds to `pw_rebuilt` what is to change in the rows of one slice of the scope's keys; leaves `pw_gathered`.
 * @returns how many rows of the scope there are
 * @throws DuplicateStoredKeyError when a (key, month) is stored twice
 */
export async function computeSlice(options: ComputeOptions): Promise<number> {
  const { session, shape, summary, scope, slice } = options;
  const filter: RowFilter = { keys: scope.keys, slice: slice.count === 1 ? undefined : slice };
  const columns = storedNames(shape);
  // Rows take their values from the H - 1 months before them, and from no later row.
  const within = summary.files.filter(
    ({ spec }) => spec.month > scope.first - shape.historyLength && spec.month <= scope.last,
  );
  if (scope.keys === undefined)
    await session.execute(gatheredTable(shape, scan(summary, { columns, files: within }), filter));
  else {
    const keys = scan(summary, { columns: [shape.key.name], files: within });
    await session.execute(placesTable(shape, keys, filter));
    const used = (await session.query('SELECT DISTINCT pw_file FROM pw_places')).map((row) =>
      Number(row['pw_file']),
    );
    const files = within.filter(({ no }) => used.includes(no));
    const rows = scan(summary, { columns, files, wanted: 'pw_places' });
    await fetchByPlaces(session, gatheredTable(shape, rows, { keys: undefined, slice: undefined }));
  }
  await refuseTwice(session);
  await session.execute(valuesTable(shape));
  await session.execute(linesTable(shape));
  await session.execute(addRebuilt(shape, scope.first, scope.last));
  const [row] = await session.query(
    `SELECT count(*) AS n FROM pw_gathered WHERE pw_month BETWEEN ${scope.first} AND ${scope.last}`,
  );
  return Number(row?.['n'] ?? 0);
}

/** Bytes of stored rows that are laid out at once: as lists and line by line they take several times as much. */
const sliceBytes = 64e6;

/** Disjoint sets of the scope's keys that are worked on one after the other. */
export function slicesOf(scope: RowScope, bytes: number): readonly { index: number; count: number }[] {
  const count = scope.keys === undefined ? Math.max(1, Math.ceil(bytes / sliceBytes)) : 1;
  return Array.from({ length: count }, (_, index) => ({ index, count }));
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
