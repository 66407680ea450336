import type { SummaryConfig } from '../../config/schema.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { sideBySide } from '../../run/side-by-side.ts';
import type { World } from '../../run/workload.ts';
import { lookSchemas, lookSessions } from '../files/look.ts';
import { openFiles } from '../files/reading.ts';
import { repairFiles, repairTables } from '../repair/tables.ts';
import { monthText } from '../sql/months.ts';
import { summaryShape } from '../tables/columns.ts';
import { storedBuckets } from '../tables/pin-config.ts';
import type { RebuildScope } from '../tasks/tasks.ts';
import { computeRebuilt } from './compute.ts';
import { keysWithRows, type MissingKeys, missingKeys, namesNoRows } from './missing.ts';
import { bucketsOfScope, rowScope } from './scope.ts';
import { emptyRebuilt, rebuiltCounts, rebuiltSample } from './sql.ts';

/** One array of a row before and after, entries as text. */
export interface ArrayChange {
  readonly key: string;
  /** `YYYY-MM`. */
  readonly month: string;
  readonly array: string;
  readonly old: readonly (string | null)[] | null;
  readonly new: readonly (string | null)[];
}

export interface RebuildLook {
  readonly buckets: number;
  /** Rows that were recomputed, and those of them that are wrong. */
  readonly rows: number;
  readonly wrong: number;
  /** Rows in which an array is wrong, by array; only those with any. A row whose grid alone is wrong is in none. */
  readonly arrays: Readonly<Record<string, number>>;
  readonly sample: readonly ArrayChange[];
  /** Named keys without a row in the named months. */
  readonly missingKeys: MissingKeys;
}

interface LookOptions {
  readonly world: World;
  readonly config: SummaryConfig;
  readonly scope: RebuildScope;
  /** Rows of the sample at most. */
  readonly sampleRows: number;
  /** As in `computeRebuilt`. */
  readonly sliceEntries?: number;
}

/**
 * Says which arrays of main a rebuild would change, with old and new for a sample. Reads only, holds no lease.
 * @throws UsageError when the scope names no stored row
 */
export async function lookAtArrays(options: LookOptions): Promise<RebuildLook> {
  const { world, config, scope, sampleRows, sliceEntries } = options;
  const sliced = sliceEntries === undefined ? {} : { sliceEntries };
  const tables = await repairTables(world, config);
  const count = storedBuckets(tables.summary, config);
  const pinned = { ...config, tables: { ...config.tables, buckets: count } };
  const buckets = bucketsOfScope(pinned, scope, count);
  const files = await repairFiles({ world, config: pinned, branch: 'main', tables }, new Set(buckets));
  const schema = lookSchemas(world, pinned, tables).summary;
  const shape = summaryShape(config);
  const rowsOf = rowScope(config, scope);
  const sample: ArrayChange[] = [];
  const wrongArrays = new Map<string, number>();
  const found: string[] = [];
  let rows = 0;
  let wrong = 0;
  const lookAtBucket = async (session: EngineSession, bucket: number) => {
    const specs = files.summary.get(bucket) ?? [];
    const store = world.warehouse;
    const summary = await openFiles({ session, store, name: `pw_summary${bucket}`, schema, files: specs });
    await session.execute(emptyRebuilt(shape));
    const afterSlice = () => tellSlice(session);
    rows += await computeRebuilt({ session, shape, summary, scope: rowsOf, afterSlice, ...sliced });
    if (rowsOf.keys !== undefined) found.push(...(await keysWithRows(session, rowsOf)));
  };
  /** What a slice of keys has found; only that is kept of it. */
  const tellSlice = async (session: EngineSession) => {
    const [counts] = await session.query(rebuiltCounts(shape));
    wrong += Number(counts?.['n'] ?? 0);
    for (const [index, { name }] of shape.histories.entries()) {
      const n = Number(counts?.[`c${index}`] ?? 0);
      if (n > 0) wrongArrays.set(name, (wrongArrays.get(name) ?? 0) + n);
    }
    for (const row of await session.query(rebuiltSample(shape, sampleRows)))
      for (const [index, { name }] of shape.histories.entries()) {
        const [old, fresh] = [row[`o${index}`], row[`a${index}`]] as [ArrayChange['old'], ArrayChange['new']];
        if (JSON.stringify(old) === JSON.stringify(fresh)) continue;
        const month = monthText(Number(row['month']));
        sample.push({ key: String(row['key']), month, array: name, old, new: fresh });
      }
    await session.execute(emptyRebuilt(shape));
  };
  async function* each(): AsyncIterable<number> {
    yield* buckets;
  }
  await sideBySide(lookSessions(world), each(), lookAtBucket);
  if (rows === 0) throw namesNoRows(config, scope);
  return {
    buckets: buckets.length,
    rows,
    wrong,
    arrays: Object.fromEntries([...wrongArrays].sort(([, a], [, b]) => b - a)),
    sample: firstRows(sample, sampleRows),
    missingKeys: missingKeys(config, scope, found),
  };
}

/** All changes of the first rows, by key and month. */
function firstRows(changes: readonly ArrayChange[], rows: number): readonly ArrayChange[] {
  const id = ({ key, month }: ArrayChange) => `${key}\n${month}`;
  const ids = [...new Set(changes.map(id).sort())].slice(0, rows);
  return ids.flatMap((one) => changes.filter((change) => id(change) === one));
}
