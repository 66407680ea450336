import { parseByteSize } from '../../config/sizes.ts';
import type { Table } from '../../iceberg/index.ts';
import { type PlannedUnit, unitId } from '../../run/units/stages.ts';
import { sampleQuotas } from '../audit/quotas.ts';
import { rowBytes } from '../tables/buckets.ts';
import { type Role, roles } from '../tables/tables.ts';
import type { ApplyGroup, ApplySpec, CheckBucket, CheckSpec, SummaryContext } from '../types.ts';
import { groupBytes, pack } from './groups.ts';
import type { PlannedResolve } from './plan.ts';

/** What the audit of a run reads from so many units on is checked in units, too; less is quicker in one process. */
const unitsOfOneAudit = 4;

export interface PlannedChecks {
  readonly units: readonly PlannedUnit[];
  /** Buckets that keys are sampled from. */
  readonly sampledBuckets: number;
}

interface ChecksOptions {
  readonly context: SummaryContext;
  readonly tables: ReadonlyMap<Role, Table | undefined>;
  readonly resolve: readonly PlannedResolve[];
  readonly apply: readonly PlannedUnit[];
  readonly groups: readonly ApplyGroup[];
  /** Bytes of a unit. */
  readonly limitBytes: number;
}

/**
 * The units of the stage `check`: the audit of a large run, some buckets each. None for a run whose audit one process
 * does, and none while files of an older partition spec are live, of which the audit looks at each in every bucket.
 */
export function planChecks(options: ChecksOptions): PlannedChecks {
  const { context, tables, resolve, apply } = options;
  const bytes = bytesByBucket(options);
  const total = [...bytes.values()].reduce((sum, some) => sum + some, 0);
  const none = { units: [], sampledBuckets: 0 };
  if (total <= unitsOfOneAudit * parseByteSize(context.config.work.unitBytes)) return none;
  const isOfOldSpec = (role: Role) => {
    const current = tables.get(role)?.metadata.defaultSpecId;
    return resolve.some((unit) => unit.specification[role].some((file) => file.specId !== current));
  };
  if (roles.some(isOfOldSpec)) return none;

  const rows = new Map(resolve.map((unit) => [unit.specification.bucket, unit.rows]));
  const quotas = sampleQuotas(rows, context.config.audit.sampleSize);
  const appliers = new Map<number, string[]>();
  for (const unit of apply) {
    const id = unitId(unit);
    for (const { bucket } of (unit.specification as ApplySpec).resolve) {
      const units = appliers.get(bucket);
      if (units === undefined) appliers.set(bucket, [id]);
      else units.push(id);
    }
  }
  const buckets = resolve.map((unit): CheckBucket => {
    const { bucket, sources, feed, summary, latest, tombstones } = unit.specification;
    return {
      bucket,
      units: { resolve: [unitId(unit)], apply: appliers.get(bucket) ?? [] },
      sources,
      feed,
      sampledKeys: quotas.get(bucket) ?? 0,
      before: { summary, latest, tombstones },
    };
  });
  const bytesOf = ({ bucket }: CheckBucket) => bytes.get(bucket) ?? 0;
  const units = pack(buckets, bytesOf, options.limitBytes).map((some): PlannedUnit => {
    const specification: CheckSpec = { stage: 'check', buckets: some };
    return {
      label: `b${String(some[0]?.bucket ?? 0).padStart(5, '0')}`,
      rows: some.reduce((sum, { bucket }) => sum + (rows.get(bucket) ?? 0), 0),
      bytes: some.reduce((sum, one) => sum + bytesOf(one), 0),
      specification,
    };
  });
  return { units, sampledBuckets: quotas.size };
}

/** What the run may write of a bucket: its touched files, its latest, and a new row for each record. */
function bytesByBucket({ context, resolve, groups }: ChecksOptions): ReadonlyMap<number, number> {
  const bytes = new Map<number, number>();
  const add = (bucket: number, some: number) => bytes.set(bucket, (bytes.get(bucket) ?? 0) + some);
  for (const group of groups) add(group.bucket, groupBytes(group));
  const perRow = rowBytes(context.config);
  for (const { rows, specification } of resolve) {
    const latest = specification.latest.reduce((sum, file) => sum + file.sizeBytes, 0);
    add(specification.bucket, latest + rows * perRow);
  }
  return bytes;
}
