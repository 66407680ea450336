import { checkpointsOf } from '../../run/units/checkpoints.ts';
import type { AuditReport, Plan, StageSummary } from '../../run/workload.ts';
import type { SummaryContext, SummaryPlanFacts } from '../types.ts';
import { type DigestLine, emptyDigest, type StateDigest, withLine } from './digest.ts';
import { findings } from './findings.ts';
import { preparedByBucket } from './inputs.ts';
import { pinnedTables, streamState } from './state.ts';
import type { CheckOutcome } from './unit.ts';

/**
 * The audit of a run whose buckets were checked in units: sums up what they found, and proves that they looked at all
 * that will be published. For that it reads the manifests, the checkpoints and the prepared counts by itself, in one pass,
 * and holds a digest per bucket against the unit's.
 *
 * A unit that found something is checked again when the run is resumed.
 */
export async function sumChecks(
  context: SummaryContext,
  plan: Plan,
  stage: StageSummary,
): Promise<AuditReport> {
  const found = findings();
  const expected = await expectedDigests(context, plan);
  let sampledKeys = 0;
  let buckets = 0;
  let elapsedMs = 0;
  const doubtful: string[] = [];
  for await (const { item, result } of checkpointsOf(context, stage)) {
    const outcome = result.outcome as CheckOutcome;
    let isRight = true;
    for (const one of outcome.buckets) {
      const wanted = expected.get(one.bucket);
      expected.delete(one.bucket);
      found.checked('checked files', one.digest.lines);
      if (wanted?.sum !== one.digest.sum || wanted.lines !== one.digest.lines) {
        isRight = false;
        found.failed(
          'checked files',
          `bucket ${one.bucket}: ${one.digest.lines} files were checked, and they are not the ${wanted?.lines ?? 0} of the plan, the manifests and the checkpoints`,
        );
      }
      isRight &&= one.checks.every(({ failures }) => failures === 0);
      found.take(one.checks);
      sampledKeys += one.sampledKeys;
      elapsedMs += one.elapsedMs;
      buckets += 1;
    }
    if (!isRight) doubtful.push(item.unit);
  }
  for (const bucket of expected.keys())
    found.failed('checked files', `bucket ${bucket} was not checked by any unit`);
  for (const unit of doubtful) await context.world.state.checkpoints.remove(context.runId, stage.name, unit);
  return found.report({ buckets, sampledKeys, elapsedMs });
}

async function expectedDigests(context: SummaryContext, plan: Plan): Promise<Map<number, StateDigest>> {
  const digests = new Map<number, StateDigest>();
  const add = async (bucket: number, line: DigestLine): Promise<void> => {
    digests.set(bucket, withLine(digests.get(bucket) ?? emptyDigest, line));
  };
  const tables = await pinnedTables(context, plan);
  const { touchedBuckets } = plan.workload as SummaryPlanFacts;
  await streamState({ context, plan, tables, touchedBuckets }, add);
  for await (const { bucket, feed, location } of preparedByBucket(context))
    await add(bucket, { kind: feed === 'deletions' ? 'feed' : 'sources', location });
  return digests;
}
