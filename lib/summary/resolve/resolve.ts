import { duckDb } from '../../engine/duckdb-dialect.ts';
import type { EngineOptions } from '../../engine/engine.ts';
import { dataFileFromJson } from '../../iceberg/index.ts';
import { inPieces } from '../../run/units/pieces.ts';
import type { Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { monthEntries } from '../apply/changed-months.ts';
import type { GroupResult } from '../apply/rewrite-group.ts';
import { mergeChanges, tableChange } from '../files/file-changes.ts';
import { inUnitRoom } from '../files/unit-room.ts';
import { bytesIn } from '../files/writing.ts';
import { changedMonths } from '../sql/apply.ts';
import { changesTable } from '../sql/changes.ts';
import { caseCounts } from '../sql/classify.ts';
import { changeTables, listsFromChanges } from '../sql/patch.ts';
import { type SummaryShape, summaryShape } from '../tables/columns.ts';
import type { ChangedMonthEntry, ResolveOutcome, ResolveSpec, SummaryContext } from '../types.ts';
import { readCases } from './cases.ts';
import { type BucketSession, openBucket } from './inputs.ts';
import { writeInserts } from './inserts.ts';
import { patchedLatest, writeLatest } from './latest.ts';
import { lendValues } from './lent.ts';
import { halves, isFirstLoad, type KeySlice, keySlices, mergeOutcomes } from './slices.ts';
import { stopwatch } from './stopwatch.ts';
import { writeTombstones } from './tombstones.ts';
import { gather, gatheredLatest, rewriteGathered, writeGatheredInserts } from './unified.ts';

/**
 * One bucket of the stage `resolve`: judges the bucket's records, writes the rows of months that were not stored,
 * the new rows of latest, the tombstones, and the change set that `apply` joins with the stored rows. A unified unit
 * rewrites the stored rows itself.
 */
export async function resolveUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: ResolveSpec,
): Promise<UnitResult> {
  const shape = summaryShape(context.config);
  const unit = { context, plan, item, spec, shape };
  const slices = keySlices(context, spec);
  const parts = await inPieces({
    context,
    item,
    cut: `slices${slices}`,
    pieces: Array.from({ length: slices }, (_, index) => ({ index, count: slices })),
    work: (slice) =>
      inUnitRoom({
        context,
        item,
        attempt: () => resolveSlice(unit, slice),
        withLess: withLess(unit, slice),
      }),
  });
  const outcome = mergeOutcomes(parts);
  const rows = spec.months.reduce((sum, [, count]) => sum + count, 0);
  const bytes = outcome.changes.reduce((sum, change) => sum + bytesIn(change.added.map(dataFileFromJson)), 0);
  return { rows, bytes, outcome };
}

interface Unit {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly item: UnitItem;
  readonly spec: ResolveSpec;
  readonly shape: SummaryShape;
}

async function resolveSlice(
  unit: Unit,
  slice: KeySlice,
  share: Partial<EngineOptions> = {},
): Promise<ResolveOutcome> {
  const { context, item } = unit;
  await using session = await context.session(`${item.stage}-${item.unit}`, share);
  const whole = slice.count === 1;
  const name = `${context.runId}-${item.unit}${whole ? '' : `-${slice.index}`}`;
  const bucket = await openBucket({ ...unit, session, name, ...(whole ? {} : { slice }) });
  const clock = stopwatch(context.world.clock);
  return { ...(await resolveKeys(bucket, item, clock)), elapsedMs: clock.laps() };
}

/** Half of the keys at a time where the bucket can be cut, else one thread. */
function withLess(unit: Unit, slice: KeySlice): (() => Promise<ResolveOutcome>) | undefined {
  const one = { threads: 1 };
  if (!isFirstLoad(unit.spec))
    return unit.context.threads === 1 ? undefined : () => resolveSlice(unit, slice, one);
  return async () => {
    const [first, second] = halves(slice);
    return mergeOutcomes([await resolveSlice(unit, first, one), await resolveSlice(unit, second, one)]);
  };
}

/** All steps for the keys of the session. */
async function resolveKeys(bucket: BucketSession, item: UnitItem, clock: Stopwatch): Promise<ResolveOutcome> {
  const { spec } = bucket;
  const cases = readCases((await bucket.session.query(caseCounts(duckDb, bucket.shape)))[0]);
  clock.lap('judge');
  const work = spec.strategy === 'unified' ? await unify(bucket, clock) : await split(bucket, item, clock);
  const tombstones = await writeTombstones(bucket);
  clock.lap('tombstones');
  const inserts = tableChange({ role: 'summary', added: work.inserted.map(({ file }) => file) });
  const summary = mergeChanges([inserts, ...work.groups.map((group) => group.change)]);
  return {
    stage: 'resolve',
    bucket: spec.bucket,
    cases,
    changes: [
      ...summary,
      ...[work.latest.change, tombstones.change].filter((change) => change !== undefined),
    ],
    changeSet: work.changeSet.location,
    changeSetRows: work.changeSet.rows,
    changedMonths: work.changeSet.months,
    inserted: work.inserted.map(({ month, file }) => ({
      location: file.location,
      month,
      bucket: spec.bucket,
      rows: file.rows,
    })),
    latest: work.latest.facts,
    tombstones: tombstones.facts,
    files: work.groups.flatMap((group) => group.files),
    groups: work.groups.flatMap((group) => (group.rewritten === undefined ? [] : [group.rewritten])),
    elapsedMs: {},
  };
}

type Stopwatch = ReturnType<typeof stopwatch>;

/** `partitionwise`: stored rows are left to `apply`. */
async function split(bucket: BucketSession, item: UnitItem, clock: Stopwatch) {
  await prepareChanges(bucket);
  const changeSet = await writeChangeSet(bucket, item);
  clock.lap('changes');
  const inserted = await writeInserts(bucket);
  clock.lap('inserts');
  const latest = await writeLatest(bucket, patchedLatest(bucket, inserted));
  clock.lap('latest');
  const groups: readonly GroupResult[] = [];
  return { changeSet, inserted, latest, groups };
}

/** `unified`: everything from the gathered rows of the changed keys. */
async function unify(bucket: BucketSession, clock: Stopwatch) {
  await gather(bucket);
  clock.lap('gather');
  const inserted = await writeGatheredInserts(bucket);
  clock.lap('inserts');
  const groups = await rewriteGathered(bucket);
  clock.lap('apply');
  const latest = await writeLatest(bucket, gatheredLatest(bucket));
  clock.lap('latest');
  return { changeSet: noChanges, inserted, latest, groups };
}

/** `pw_changes` and `pw_lists`: for stored rows, and for new rows too when the batch has several months. */
async function prepareChanges(bucket: BucketSession): Promise<void> {
  const { session, shape } = bucket;
  await lendValues(bucket);
  const [months] = await session.query('SELECT count(DISTINCT pw_month) AS n FROM pw_resolved WHERE is_set');
  await session.execute(changesTable(duckDb, shape, Number(months?.['n'] ?? 0) > 1 ? 'all' : 'stored'));
  await session.execute(listsFromChanges(duckDb, shape));
}

interface ChangeSet {
  readonly location: Location | undefined;
  readonly rows: number;
  readonly months: readonly ChangedMonthEntry[];
}

const noChanges: ChangeSet = { location: undefined, rows: 0, months: [] };

async function writeChangeSet({ session, context }: BucketSession, item: UnitItem): Promise<ChangeSet> {
  const felt = `SELECT * FROM ${changeTables.all} WHERE pw_felt`;
  const months = await session.query(changedMonths(`(${felt})`));
  if (months.length === 0) return noChanges;
  const rows = months.reduce((sum, row) => sum + Number(row['pw_rows']), 0);
  const path = `${session.workFolder}/changes.parquet`;
  await session.writeParquet({ select: felt, path });
  const tag = `a${context.attempt}-${Math.random().toString(36).slice(2, 10)}`;
  const location = joinLocation(context.folder, 'changes', `${item.unit}-${tag}.parquet`);
  await context.world.results.adopt(path, location);
  return { location, rows, months: monthEntries(months) };
}
