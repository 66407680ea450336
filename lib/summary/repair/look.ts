import type { SummaryConfig } from '../../config/schema.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { sideBySide } from '../../run/side-by-side.ts';
import type { World } from '../../run/workload.ts';
import { lookSchemas, lookSessions } from '../files/look.ts';
import { openFiles } from '../files/reading.ts';
import { summaryShape } from '../tables/columns.ts';
import { storedBuckets } from '../tables/pin-config.ts';
import type { BucketScope } from '../tasks/tasks.ts';
import { compareLatest, type Deviations, type Example, examples, wrongColumns } from './compare.ts';
import { chooseRepairBuckets, repairFiles, repairTables } from './tables.ts';

export interface LookedAt extends Deviations {
  readonly bucket: number;
  readonly examples: readonly Example[];
  /** Columns in which rows of latest differ from their summary row, with how many do. */
  readonly columns: readonly { readonly column: string; readonly rows: number }[];
}

export interface LatestLook {
  /** Buckets that were compared; only those with a deviation are told. */
  readonly buckets: number;
  readonly keys: number;
  readonly reasons: readonly string[];
  readonly deviating: readonly LookedAt[];
}

/** Says per bucket what deviates in latest of main. Reads only, holds no lease: what a run changes meanwhile is not seen. */
export async function lookAtLatest(
  world: World,
  config: SummaryConfig,
  scope: BucketScope,
): Promise<LatestLook> {
  const tables = await repairTables(world, config);
  const pinned = { ...config, tables: { ...config.tables, buckets: storedBuckets(tables.summary, config) } };
  const options = { world, config: pinned, branch: 'main', tables };
  const chosen = await chooseRepairBuckets({ ...options, scope });
  const files = await repairFiles(options, new Set(chosen.buckets));
  const shape = summaryShape(config);
  const schemas = lookSchemas(world, pinned, tables);
  const found: LookedAt[] = [];
  let keys = 0;
  const compareBucket = async (session: EngineSession, bucket: number) => {
    const openRole = (role: 'summary' | 'latest') =>
      openFiles({
        session,
        store: world.warehouse,
        name: `pw_${role}${bucket}`,
        schema: schemas[role],
        files: files[role].get(bucket) ?? [],
      });
    const open = { session, shape, summary: await openRole('summary'), latest: await openRole('latest') };
    const deviations = await compareLatest(open);
    keys += deviations.keys;
    if (deviations.deviating === 0 && deviations.storedTwice === 0) return;
    found.push({
      bucket,
      ...deviations,
      examples: await examples(open),
      columns: deviations.kinds.wrongRow === 0 ? [] : await wrongColumns(open),
    });
  };
  async function* each(): AsyncIterable<number> {
    yield* chosen.buckets;
  }
  await sideBySide(lookSessions(world), each(), compareBucket);
  return {
    buckets: chosen.buckets.length,
    keys,
    reasons: chosen.reasons,
    deviating: found.sort((a, b) => a.bucket - b.bucket),
  };
}
