import { configDigest } from '../../config/digest.ts';
import { BatchOrderError, PoisonInputError } from '../../errors.ts';
import { currentSchema, currentSnapshot, type Table } from '../../iceberg/index.ts';
import { mayUseSpark } from '../../run/engines/choose-engine.ts';
import { planDeadline, secondsSinceStart } from '../../run/engines/deadline.ts';
import { engineFacts } from '../../run/engines/engine-facts.ts';
import { roomFor } from '../../run/engines/unit-load.ts';
import { sha256 } from '../../run/layout.ts';
import { needSpark } from '../../run/spark/use.ts';
import { writeStage } from '../../run/units/stages.ts';
import type { Plan, Prepared } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import { findTable, newestBatch } from '../batch.ts';
import { closedThrough, type RollupRules, rulesOf, windowEnd } from '../rules.ts';
import { hashProbe } from '../sql/points.ts';
import type { CommittedBatch, RollupState } from '../state/state.ts';
import { tableIdentifier, targetTable } from '../tables.ts';
import {
  checkStage,
  type Lateness,
  type PointSource,
  type PreparedPoints,
  type RollupContext,
  type RollupPlanFacts,
  rollupStage,
} from '../types.ts';
import { planChecks } from './checks.ts';
import { estimate, explain } from './explain.ts';
import { readableBy } from './part-range.ts';
import { spreadingOf } from './spreading.ts';
import { startOfBatch } from './start.ts';
import { planUnits } from './units.ts';

/** Plans a batch from the state's file list and prepared counts; no data file is opened. */
export async function plan(context: RollupContext, prepared: AsyncIterable<Prepared>): Promise<Plan> {
  const { config, world } = context;
  const rules = rulesOf(config);
  if (mayUseSpark(config)) needSpark(world);
  const start = await startOfBatch(context);
  const table = await findTable(world, config);
  mustFollow(context, newestBatch(table, context.branch), start.previous);
  const { sources, input, newestMs, lateness, refused } = await sourcesOf(prepared);
  if (start.previous === undefined && sources.length === 0 && refused.length > 0)
    throw noneUsable(context, refused);
  const list = sources.map((source) => JSON.stringify(source)).join('\n');
  const location = joinLocation(context.folder, 'plan', `sources-${context.planGeneration}.jsonl`);
  await world.results.write(location, new TextEncoder().encode(list), { overwrite: true });

  const { batch, closedBeforeMs } = start;
  const closedAfterMs = closedThrough(
    rules,
    batch.watermarkMs,
    closedBeforeMs,
    batch.flush ? newestWindow(rules, newestMs, start.state) : undefined,
  );
  const spreading = spreadingOf(config);
  const probe = await hashOf(context);
  const inputs = {
    config,
    threads: config.work.threads ?? world.resources.threads,
    // Spark does not know the hash that series are spread by where it is not let in.
    room: spreading.hash === undefined ? undefined : roomFor(context),
    sources,
    state: start.state === undefined ? undefined : readableBy(start.state, probe),
    common: {
      ...spreading,
      batch: batch.number,
      watermarkMs: batch.watermarkMs,
      closedBeforeMs: closedBeforeMs ?? null,
      closedAfterMs: closedAfterMs ?? null,
      sources: location,
      sourcesDigest: sha256(list),
      columns: columnsDigest(context, rules, table),
    },
  };
  const asFits = planUnits(inputs);
  const deadline = planDeadline(context, {
    routed: asFits.routed,
    mayMove: inputs.room !== undefined,
    passedSeconds: await secondsSinceStart(context),
  });
  const isMoved = deadline !== undefined && deadline.moved.length > 0;
  const units = isMoved ? planUnits({ ...inputs, deadline }) : asFits;
  const generation = context.planGeneration;
  const written = await writeStage(context, rollupStage, generation, units.units);
  const checks = planChecks(units.units, config.audit.unitPoints);
  const check = checks.length === 0 ? [] : [await writeStage(context, checkStage, generation, checks)];
  const facts: RollupPlanFacts = {
    batch: batch.number,
    flush: batch.flush,
    watermarkMs: batch.watermarkMs,
    closedBeforeMs: closedBeforeMs ?? null,
    closedAfterMs: closedAfterMs ?? null,
    previous: start.previous ?? null,
    ...spreading,
    hashProbe: probe,
    points: written.rows,
    refused: sources.reduce((sum, one) => sum + one.parts.reduce((n, [, , refused]) => n + refused, 0), 0),
    lateness,
    files: sources.length,
    input,
    sources: location,
    carried: units.carried,
  };
  const { namespace, name } = tableIdentifier(config);
  const snapshot = pinnedSnapshot(table, context.branch);
  const head = {
    formatVersion: 1 as const,
    runId: context.runId,
    pipeline: config.pipeline,
    configDigest: configDigest(config),
    branch: context.branch,
    createdMs: world.clock.now(),
    outcome: 'work' as const,
    strategy: batch.flush ? 'flush' : 'batch',
    strategyReason: batch.flush ? 'asked for: what is open is published too' : 'the next batch in order',
    pins: [
      {
        table: `${namespace}.${name}`,
        snapshotId: snapshot,
        metadataLocation: table?.metadataLocation,
        uuid: table?.metadata.tableUuid,
      },
    ],
    stages: [written, ...check],
    estimate: estimate(facts, start.state, { threads: world.resources.threads, config }),
    explanation: explain(facts, rules, start.state, {
      work: written.units,
      engines: engineFacts(context, units.routed),
      deadline,
      check: checks.length,
      config,
    }),
    workload: facts,
  };
  return { ...head, digest: sha256(JSON.stringify(head)) };
}

function pinnedSnapshot(table: Table | undefined, branch: string): string | undefined {
  if (table === undefined) return undefined;
  const snapshot = currentSnapshot(table, branch) ?? currentSnapshot(table);
  return snapshot === undefined ? undefined : String(snapshot.snapshotId);
}

/** @throws BatchOrderError when the branch is not where the batch was claimed on */
export function mustFollow(
  context: Pick<RollupContext, 'batch' | 'runId' | 'config'>,
  newest: CommittedBatch | undefined,
  claimed: Pick<CommittedBatch, 'batch' | 'digest'> | undefined,
): void {
  if (newest?.batch === claimed?.batch && newest?.digest === claimed?.digest) return;
  const said = (one: Pick<CommittedBatch, 'batch'> | undefined) =>
    one === undefined ? 'no batch' : `batch ${one.batch}`;
  const number = context.batch?.number ?? 0;
  const isFork = newest !== undefined && newest.batch >= number;
  throw new BatchOrderError(
    `batch ${number} of ${context.config.pipeline} was begun on ${said(claimed)} and the table is at ${said(newest)}${newest?.batch === claimed?.batch ? ' with another state' : ''}: ${isFork ? 'somebody else has published it (a fork)' : 'there would be a gap'}`,
    {
      details: { batch: number, claimed: claimed?.batch, newest: newest?.batch },
      safe: 'nothing was published; the files are kept',
      next: `partwise cancel ${context.runId}`,
    },
  );
}

/** The batch's objects in the order of ingest, a digest of their versions, and the newest point that counts. */
export async function sourcesOf(prepared: AsyncIterable<Prepared>): Promise<{
  readonly sources: readonly PointSource[];
  readonly input: string;
  readonly newestMs: number | undefined;
  readonly lateness: Lateness;
  /** Files that were refused as a whole. */
  readonly refused: readonly Prepared[];
}> {
  const objects: Prepared[] = [];
  const refused: Prepared[] = [];
  for await (const one of prepared) {
    if (one.status === 'quarantined') refused.push(one);
    if (one.rowsLocation !== undefined) objects.push(one);
  }
  objects.sort(
    ({ item: a }, { item: b }) =>
      a.arrivedMs - b.arrivedMs || compareBytes(a.location, b.location) || compareBytes(a.version, b.version),
  );
  const found = objects.map(({ workload }) => workload as PreparedPoints);
  const sources: PointSource[] = objects.map(({ rowsLocation = '', cells, item }, index) => ({
    location: rowsLocation,
    columns: found[index]?.columns,
    labels: found[index]?.labels ?? '',
    sizeBytes: item.sizeBytes,
    parts: cells.map(([, part, points, refused]) => [part, points, refused] as const),
  }));
  const newest = found.flatMap(({ newestMs }) => newestMs ?? []);
  return {
    sources,
    input: sha256(JSON.stringify(objects.map(({ item }) => [item.location, item.version]))),
    newestMs: newest.length === 0 ? undefined : newest.reduce((a, b) => Math.max(a, b)),
    lateness: mergeLateness(found.map((one) => one.lateness)),
    refused,
  };
}

/** The first batch decides how the table is; one that says nothing but that the pipeline does not fit its files must not. */
function noneUsable({ runId }: RollupContext, refused: readonly Prepared[]): PoisonInputError {
  const [first] = refused;
  const why = first?.reason === undefined ? '' : ` (${first.item.location}: ${first.reason})`;
  return new PoisonInputError(
    `none of the ${refused.length} files of the first batch could be used${why}; does the pipeline fit them?`,
    {
      safe: 'nothing was published; the files are kept',
      next: `partwise status ${runId}, then partwise cancel ${runId} and a run with the pipeline mended`,
    },
  );
}

function mergeLateness(all: readonly Lateness[]): Lateness {
  const merged = new Map<number, number>();
  for (const [from, points] of all.flat()) merged.set(from, points + (merged.get(from) ?? 0));
  return [...merged].sort(([a], [b]) => a - b);
}

/** As S3 orders keys: by their UTF-8 bytes. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The largest window, of any resolution, that has a point once the batch is in. */
function newestWindow(
  rules: RollupRules,
  newestMs: number | undefined,
  state: RollupState | undefined,
): number | undefined {
  const times = [newestMs, state?.newestHotMs ?? undefined].filter((time) => time !== undefined);
  const ends = times.flatMap((time) => rules.resolutionsMs.map((length) => windowEnd(time, length)));
  const all = [...ends, ...(state?.newestPartMs === null || state === undefined ? [] : [state.newestPartMs])];
  return all.length === 0 ? undefined : Math.max(...all);
}

/** Names the hash that series are spread by: another name, other parts. */
export async function hashOf(context: RollupContext): Promise<string> {
  const { hash } = spreadingOf(context.config);
  if (hash !== undefined) return hash;
  await using session = await context.session('plan', { threads: 1 });
  const [row] = await session.query(hashProbe);
  return String(row?.['probe']);
}

function columnsDigest(context: RollupContext, rules: RollupRules, table: Table | undefined): string {
  const fields =
    table === undefined
      ? targetTable(context.config, rules, context.world.warehouse.root).fields
      : currentSchema(table).fields;
  return sha256(JSON.stringify(fields)).slice(0, 16);
}
