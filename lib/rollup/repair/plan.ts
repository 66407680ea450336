import { configDigest } from '../../config/digest.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { CorruptStateError } from '../../errors.ts';
import { currentSnapshot } from '../../iceberg/index.ts';
import { sha256 } from '../../run/layout.ts';
import { writeStage } from '../../run/units/stages.ts';
import type { Plan, Prepared } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import { findTable, newestBatch } from '../batch.ts';
import { rollupShape } from '../columns.ts';
import { readableBy } from '../plan/part-range.ts';
import { hashOf, mustFollow, sourcesOf } from '../plan/plan.ts';
import { spreadingOf } from '../plan/spreading.ts';
import { countsInBatch, startOfBatch } from '../plan/start.ts';
import { rulesOf } from '../rules.ts';
import { tableIdentifier } from '../tables.ts';
import type { RollupContext } from '../types.ts';
import { explainRepair } from './explain.ts';
import { gatherPoints, keepPoints, touchedSpans } from './gather.ts';
import { waitingLetters } from './letters.ts';
import { refused } from './refuse.ts';
import { numberOf } from './repairing.ts';
import { retainedPoints } from './retained.ts';
import { tableFiles } from './table-files.ts';
import { type RepairPlanFacts, type RepairSpec, repairStage } from './types.ts';

/** Points beyond this are a job for a replay. */
const mostPoints = 10_000_000;

/** Plans a repair: which points, which kept ones belong to them, and what may be rewritten. Opens no data file. */
export async function planRepair(context: RollupContext, prepared: AsyncIterable<Prepared>): Promise<Plan> {
  const { config, world } = context;
  const { batch, previous, state } = await startOfBatch(context);
  const { repair } = batch;
  if (previous === undefined || state === undefined || repair === undefined)
    throw new CorruptStateError(`run ${context.runId} is no repair`);
  const table = await findTable(world, config);
  mustFollow(context, newestBatch(table, context.branch), previous);
  const snapshot = table === undefined ? undefined : currentSnapshot(table, context.branch);
  if (table === undefined || snapshot === undefined) throw new CorruptStateError('the table is gone');
  const closedThroughMs = state.closedThroughMs ?? Number.NEGATIVE_INFINITY;
  const { sources, input } = await sourcesOf(prepared);
  const letters = repair.late === undefined ? [] : await waitingLetters(world, config, state, repair.late);
  await using session = await context.session('plan-repair');
  await gatherPoints({ context, session, letters, sources, inTime: await countsInBatch(context) });
  const counts = await countPoints(session);
  if (counts.taken > mostPoints)
    throw refused(`${counts.taken} points are more than the ${mostPoints} that one repair takes`);

  const named = (name: string) => joinLocation(context.folder, 'plan', name);
  const points = named(`points-${context.planGeneration}.parquet`);
  const tooFar = named(`too-far-${context.planGeneration}.parquet`);
  await keepPoints(context, session, { location: points, counts: true });
  await keepPoints(context, session, { location: tooFar, counts: false });
  const spans = await touchedSpans(session, rulesOf(config).baseMs, closedThroughMs);
  const retained = await retainedPoints(context, state, spans);
  const list = retained.map((one) => JSON.stringify(one)).join('\n');
  const location = named(`retained-${context.planGeneration}.jsonl`);
  await world.results.write(location, new TextEncoder().encode(list), { overwrite: true });

  const probe = await hashOf(context);
  const spreading = { ...spreadingOf(config), parts: state.parts };
  const { hot, tails, part } = readableBy(state, probe);
  const spec: RepairSpec = {
    points,
    pointsDigest: sha256(await world.results.read(points)),
    tooFar,
    batch: batch.number,
    retained: location,
    retainedDigest: sha256(list),
    closedThroughMs,
    watermarkMs: batch.watermarkMs,
    ...spreading,
    state: { hot, tails, part },
    metadataLocation: table.metadataLocation,
    snapshotId: String(snapshot.snapshotId),
  };
  const files = await tableFiles({
    store: world.warehouse,
    table,
    snapshotId: snapshot.snapshotId,
    series: rollupShape(config).series.name,
  });
  const explained = await explainRepair({
    session,
    rules: rulesOf(config),
    facts: { ...counts, batch: batch.number, closedThroughMs, letters, files: sources.length },
    retained: retained.length,
    files,
  });
  const units =
    counts.taken + counts.tooFar === 0
      ? []
      : [{ label: 'repair', rows: counts.taken, bytes: explained.bytes, specification: spec }];
  const written = await writeStage(context, repairStage, context.planGeneration, units);
  const facts: RepairPlanFacts = {
    repair,
    batch: batch.number,
    previous,
    closedThroughMs,
    watermarkMs: batch.watermarkMs,
    ...spreading,
    hashProbe: probe,
    plannedMs: world.clock.now(),
    points,
    retained: location,
    retainedDigest: spec.retainedDigest,
    ...counts,
    input: sha256(JSON.stringify([input, letters.map((one) => one.location)])),
    snapshotId: spec.snapshotId,
  };
  const { namespace, name } = tableIdentifier(config);
  const head = {
    formatVersion: 1 as const,
    runId: context.runId,
    pipeline: config.pipeline,
    configDigest: configDigest(config),
    branch: context.branch,
    createdMs: world.clock.now(),
    outcome: counts.taken + counts.tooFar === 0 ? ('nothing' as const) : ('work' as const),
    strategy: 'repair',
    strategyReason: 'asked for: points of windows that are published',
    pins: [
      {
        table: `${namespace}.${name}`,
        snapshotId: spec.snapshotId,
        metadataLocation: table.metadataLocation,
        uuid: table.metadata.tableUuid,
      },
    ],
    stages: [written],
    estimate: explained.estimate,
    explanation: explained.lines,
    workload: facts,
  };
  return { ...head, digest: sha256(JSON.stringify(head)) };
}

async function countPoints(session: EngineSession): Promise<Pick<RepairPlanFacts, 'taken' | 'tooFar'>> {
  return {
    taken: await numberOf(session, 'SELECT count(*) FROM gathered WHERE counts'),
    tooFar: await numberOf(session, 'SELECT count(*) FROM gathered WHERE NOT counts'),
  };
}
