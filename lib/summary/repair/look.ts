import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SummaryConfig } from '../../config/schema.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { currentSchema, withMissingColumns } from '../../iceberg/index.ts';
import { sideBySide } from '../../run/side-by-side.ts';
import type { World } from '../../run/workload.ts';
import { summaryShape } from '../columns.ts';
import { storedBuckets } from '../pin-config.ts';
import { openFiles } from '../reading.ts';
import { targetTables } from '../tables.ts';
import type { BucketScope } from '../tasks.ts';
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
  const targets = targetTables(pinned, world.warehouse.root);
  const schemaOf = (role: 'summary' | 'latest') => {
    const fields = targets.find((one) => one.role === role)?.fields ?? [];
    const table = tables[role];
    return table === undefined ? { schemaId: 0, fields } : currentSchema(withMissingColumns(table, fields));
  };
  const schemas = { summary: schemaOf('summary'), latest: schemaOf('latest') };
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
  await sideBySide({ ...world.resources, open: (share) => openSession(world, share) }, each(), compareBucket);
  return {
    buckets: chosen.buckets.length,
    keys,
    reasons: chosen.reasons,
    deviating: found.sort((a, b) => a.bucket - b.bucket),
  };
}

function openSession(
  world: World,
  share: { readonly threads: number; readonly memoryBytes: number },
): Promise<EngineSession> {
  return world.engine.open({
    ...share,
    workFolder: join(world.workRoot, `look-${randomBytes(4).toString('hex')}`),
  });
}
