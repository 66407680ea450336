import type { EngineSession } from '../../engine/engine.ts';
import { CorruptStateError } from '../../errors.ts';
import type { OutcomeWithChanges } from '../../run/publish/table-change.ts';
import { readCheckpoint } from '../../run/units/checkpoints.ts';
import { inPieces } from '../../run/units/pieces.ts';
import type { Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { inUnitRoom } from '../files/unit-room.ts';
import { summaryShape } from '../tables/columns.ts';
import { roles } from '../tables/tables.ts';
import type { CheckBucket, CheckSpec, SummaryContext, SummaryPlanFacts } from '../types.ts';
import { auditBucket, engineShare, mostEntries } from './audit.ts';
import { digestOf, type StateDigest } from './digest.ts';
import { type FoundCheck, findings } from './findings.ts';
import { inLittleRoom } from './room.ts';
import { bucketState, changeLines, pinnedTables, type SpoolLine, stateFileOf } from './state.ts';

/** What a unit has found of one bucket, and of which files. */
export interface CheckedBucket {
  readonly bucket: number;
  readonly digest: StateDigest;
  readonly sampledKeys: number;
  readonly checks: readonly FoundCheck[];
  readonly elapsedMs: number;
}

export interface CheckOutcome extends OutcomeWithChanges {
  readonly stage: 'check';
  readonly buckets: readonly CheckedBucket[];
}

/**
 * One unit of the stage `check`: the audit of some buckets, one after the other. What it looks at comes from the plan
 * and the checkpoints that the plan names; the audit step proves that this was all.
 */
export async function checkUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: CheckSpec,
): Promise<UnitResult> {
  const { clock } = context.world;
  const shape = summaryShape(context.config);
  const tables = await pinnedTables(context, plan);
  const { sampledBuckets } = plan.workload as SummaryPlanFacts;
  const maxEntries = mostEntries(plan) / Math.max(1, sampledBuckets);
  const linesOf = changesOfUnits(context);
  await using stack = new AsyncDisposableStack();
  let session: EngineSession | undefined;
  const buckets = await inPieces({
    context,
    item,
    cut: 'buckets',
    pieces: spec.buckets,
    work: async (one): Promise<CheckedBucket> => {
      const startedMs = clock.now();
      session ??= stack.use(
        await context.session(`${item.stage}-${item.unit}`, {
          memoryBytes: Math.floor(context.memoryBytes * engineShare),
        }),
      );
      const lines = [...beforeLines(one), ...(await linesOf(one))];
      const { sources, feed, bucket } = one;
      const audited = { context, session, shape, tables, sources, feed, state: bucketState(bucket, lines) };
      const found = findings();
      const opened = session;
      const sampledKeys = await inUnitRoom({
        context,
        item,
        attempt: () =>
          inLittleRoom(opened, found, (noted) =>
            auditBucket({ ...audited, findings: noted }, { keys: one.sampledKeys, maxEntries }),
          ),
        withLess: undefined,
      });
      const inputs = [
        ...sources.map((location) => ({ kind: 'sources' as const, location })),
        ...feed.map((location) => ({ kind: 'feed' as const, location })),
      ];
      const digest = digestOf([...lines, ...inputs]);
      return { bucket, digest, sampledKeys, checks: found.parts(), elapsedMs: clock.now() - startedMs };
    },
  });
  const outcome: CheckOutcome = { stage: 'check', changes: [], buckets };
  const rows = buckets.reduce(
    (sum, { checks }) => sum + (checks.find(({ name }) => name === 'values')?.checked ?? 0),
    0,
  );
  return { rows, bytes: 0, outcome };
}

function* beforeLines({ before }: CheckBucket): Iterable<SpoolLine> {
  for (const role of roles) {
    for (const file of before[role]) {
      const deletes = file.deletes.map(({ location }) => location);
      yield { kind: 'before', role, file: stateFileOf(role, file, deletes) };
    }
  }
}

/** What the units of a bucket change in it; each checkpoint is read once while its buckets follow each other. */
function changesOfUnits(context: SummaryContext) {
  let kept = new Map<string, readonly (readonly [bucket: number, line: SpoolLine])[]>();
  const read = async (stage: string, unit: string) => {
    const record = await context.world.state.checkpoints.get(context.runId, stage, unit);
    if (record === undefined) {
      throw new CorruptStateError(`unit ${unit} of stage ${stage} has no checkpoint`, {
        safe: 'the tables are untouched',
        next: `partwise resume ${context.runId}`,
      });
    }
    return [...changeLines((await readCheckpoint(context, record)).outcome as OutcomeWithChanges)];
  };
  return async ({ bucket, units }: CheckBucket): Promise<readonly SpoolLine[]> => {
    const next: typeof kept = new Map();
    const names = [
      ...units.resolve.map((unit) => ['resolve', unit] as const),
      ...units.apply.map((unit) => ['apply', unit] as const),
    ];
    for (const [stage, unit] of names) next.set(unit, kept.get(unit) ?? (await read(stage, unit)));
    kept = next;
    return [...next.values()].flat().flatMap(([of, line]) => (of === bucket ? [line] : []));
  };
}
