import { engineMemoryBytes } from '../../run/context.ts';
import { sideBySide } from '../../run/side-by-side.ts';
import type { AuditReport, Plan } from '../../run/workload.ts';
import { summaryShape } from '../tables/columns.ts';
import type { Role } from '../tables/tables.ts';
import { checkStage, type SummaryContext, type SummaryPlanFacts } from '../types.ts';
import type { BucketAudit } from './context.ts';
import { auditDeletes } from './deletes.ts';
import { auditFeed } from './feed.ts';
import { findings } from './findings.ts';
import { preparedInputs } from './inputs.ts';
import { auditKeys } from './keys.ts';
import { auditLatest } from './latest.ts';
import { auditNeighbours, loadNeighbours } from './neighbours.ts';
import { sampleQuotas } from './quotas.ts';
import { inLittleRoom } from './room.ts';
import { auditRows } from './rows.ts';
import { auditSample, drawSample, type SampleOptions } from './sample.ts';
import type { BucketSpool } from './spool.ts';
import { bucketState, pinnedTables, type SpoolLine, spoolState, type TableState } from './state.ts';
import { sumChecks } from './sum.ts';
import { auditTombstones } from './tombstones.ts';
import { auditValues } from './values.ts';

/**
 * Array entries that the sample compares before a publish: under a second of work, and for big runs as much as a tenth
 * of the run's own. Every written row is held to its neighbours and its record whether it is drawn or not; `verify` of a
 * run has no such limit.
 */
const leastEntries = 1_500_000;
const entriesPerByteRead = 1 / 400;

/**
 * The check between work and publish. Holds what the units wrote against the pinned tables and the prepared rows, with
 * statements of its own: nothing that a unit reported is believed but where its files are. Memory is bounded by one
 * bucket per session; sessions run side by side. A large run's buckets were checked in units of the stage `check`.
 */
export async function audit(context: SummaryContext, plan: Plan): Promise<AuditReport> {
  const facts = plan.workload as SummaryPlanFacts;
  if (plan.outcome === 'nothing') return findings().report({});
  const checks = plan.stages.find((stage) => stage.name === checkStage);
  if (checks !== undefined) return await sumChecks(context, plan, checks);
  const tables = await pinnedTables(context, plan);
  await using spool = await spoolState({ context, plan, tables, touchedBuckets: facts.touchedBuckets });
  return await auditBuckets({
    context,
    tables,
    spool,
    sampleSize: context.config.audit.sampleSize,
    maxEntries: mostEntries(plan),
  });
}

/** Array entries that the sample of a run compares at most before a publish. */
export function mostEntries(plan: Plan): number {
  return Math.max(leastEntries, plan.estimate.bytesRead * entriesPerByteRead);
}

interface AuditBucketsOptions {
  readonly context: SummaryContext;
  readonly tables: Readonly<Record<Role, TableState>>;
  readonly spool: BucketSpool<SpoolLine>;
  readonly sampleSize: number;
  /** Array entries that the sample compares at most, in all buckets together. */
  readonly maxEntries?: number;
}

/** All checks of all buckets of the spool, against the run's prepared rows. */
export async function auditBuckets(options: AuditBucketsOptions): Promise<AuditReport> {
  const { context, tables, spool } = options;
  const found = findings();
  const startedMs = context.world.clock.now();
  const inputs = await preparedInputs(context);
  const shape = summaryShape(context.config);
  const quotas = sampleQuotas(inputs.rows, options.sampleSize);
  const limit =
    options.maxEntries === undefined ? {} : { maxEntries: options.maxEntries / Math.max(1, quotas.size) };
  let sampled = 0;
  let buckets = 0;
  await sideBySide(auditSessions(context), spool.buckets(), async (session, [bucket, lines]) => {
    const state = bucketState(bucket, lines);
    const { records: sources, deletions: feed } = inputs;
    const one = { context, session, shape, tables, state, sources, feed };
    const sample = { keys: quotas.get(bucket) ?? 0, ...limit };
    const keys = await inLittleRoom(session, found, (noted) =>
      auditBucket({ ...one, findings: noted }, sample),
    );
    sampled += keys;
    buckets += 1;
  });
  return found.report({ buckets, sampledKeys: sampled, elapsedMs: context.world.clock.now() - startedMs });
}

export async function auditBucket(one: BucketAudit, sample: SampleOptions): Promise<number> {
  await auditKeys(one);
  await loadNeighbours(one);
  await drawSample(one, sample);
  await auditRows(one);
  await auditValues(one);
  await auditNeighbours(one);
  await auditDeletes(one);
  await auditLatest(one);
  await auditTombstones(one);
  await auditFeed(one);
  return auditSample(one);
}

/** The rest is for what the engine does not count, most of it while lists are hashed and sampled rows cross over. */
export const engineShare = 0.75;

/** Sessions of an audit, side by side. */
export function auditSessions(context: SummaryContext): Parameters<typeof sideBySide>[0] {
  const { config, world } = context;
  return {
    threads: config.work.threads ?? world.resources.threads,
    memoryBytes: Math.floor(engineMemoryBytes(context) * engineShare),
    signal: context.signal,
    open: (share) => context.session('audit', share),
  };
}
