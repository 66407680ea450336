import { dataFileFromJson } from '../../iceberg/index.ts';
import type { DataFile, Schema } from '../../iceberg/types.ts';
import type { AuditReport, Plan } from '../../run/workload.ts';
import type { Location } from '../../stores/ports.ts';
import { rollupShape } from '../columns.ts';
import { allParts, isWhole, overlapping, type PartRange, pointsIn, readableBy } from '../plan/part-range.ts';
import { rulesOf } from '../rules.ts';
import { committedSizes } from '../state/job.ts';
import { readState, type StateFile, type StateFiles } from '../state/state.ts';
import {
  checkStage,
  type PointCounts,
  type PointSource,
  type RollupContext,
  type RollupOutcome,
  type RollupPlanFacts,
} from '../types.ts';
import { completeFiles, type UnitOutcome, unitOutcomes } from '../work/outcomes.ts';
import { outputTable } from '../work/write-windows.ts';
import { auditContents } from './contents.ts';
import type { CommonAudit, RollupAudit } from './context.ts';
import { auditFiles, columnsOf } from './files.ts';
import { type Findings, findings } from './findings.ts';
import { sumChecks } from './sum-checks.ts';
import { stateFileColumns } from './views.ts';

/** Points that the sample recomputes before a publish: a part of the batch's, within limits of a fraction of a second. */
const sampledPart = 1 / 400;
const [leastSampled, mostSampled] = [20_000, 100_000];
/** So many points are looked at for duplicates one by one. */
const countedPoints = 300_000;

/**
 * The check between work and publish. Holds what the units wrote against the batch's points and the state before, with
 * statements of its own: nothing that a unit reported is believed but where its files are. A large batch has been
 * audited in units, of which this is the sum.
 */
export async function audit(context: RollupContext, plan: Plan): Promise<AuditReport> {
  const units = await unitOutcomes(context, plan);
  // Uploads cannot be read before they have their names.
  await completeFiles(context, units);
  const check = plan.stages.find(({ name }) => name === checkStage);
  if (check !== undefined) return await sumChecks({ context, plan, units, stage: check });
  const facts = plan.workload as RollupPlanFacts;
  return await auditBatch(context, plan, {
    ...writtenBy(units, await committedSizes(context)),
    range: allParts(facts),
    sample: sampleOf(context, facts.points),
  });
}

/** What units have left, with the sizes that their state files were published with. */
export function writtenBy(
  units: readonly UnitOutcome[],
  sizes: ReadonlyMap<Location, number>,
): Pick<BatchOptions, 'added' | 'written' | 'reported'> {
  const outcomes = units.map(({ outcome }) => outcome);
  const state = (kind: 'hot' | 'tails' | 'part') =>
    outcomes
      .flatMap((one) => one.state[kind])
      .map((file) => ({ ...file, sizeBytes: sizes.get(file.location) ?? file.sizeBytes }));
  return {
    added: outcomes.flatMap((one) =>
      one.changes.flatMap((change) => change.added.map((file) => dataFileFromJson(file))),
    ),
    written: { hot: state('hot'), tails: state('tails'), part: state('part') },
    reported: totalCounts(outcomes),
  };
}

/** `share`: of the batch's sample that these points are to have. */
export function sampleOf(context: RollupContext, points: number, share = 1): RollupAudit['sample'] {
  return {
    series: Math.ceil(context.config.audit.sampleSize * share),
    points: Math.min(mostSampled, Math.max(leastSampled, Math.floor(points * sampledPart))),
    counted: countedPoints,
  };
}

export interface BatchOptions extends Pick<RollupAudit, 'written' | 'reported' | 'sample' | 'range'> {
  readonly added: readonly DataFile[];
  /** Columns of the table; by default those that the plan was made for. */
  readonly schema?: Schema;
}

/** All checks of one batch, or of some parts of it, against the prepared points and the state before. */
export async function auditBatch(
  context: RollupContext,
  plan: Plan,
  options: BatchOptions,
): Promise<AuditReport> {
  const { config, world } = context;
  const startedMs = world.clock.now();
  const facts = plan.workload as RollupPlanFacts;
  const schema = options.schema ?? (await outputTable(context, plan)).schema;
  const sources = await sourcesOf(context, facts);
  const common: CommonAudit = {
    ...options,
    context,
    rules: rulesOf(config),
    shape: rollupShape(config),
    facts,
    sources,
    counted: countedIn(sources, options.range),
    fields: schema.fields,
    before: await stateBefore(context, facts, options.range),
    carried: isWhole(options.range) ? facts.carried : noFiles,
  };
  const files = findings();
  await auditFooters(common, files);
  // What is not there, or has other columns, cannot be read for the other checks.
  if (files.hasFailed()) return files.report({});
  const { found, sampledSeries } = await auditContents(common);
  return together([files, ...found], { sampledSeries, elapsedMs: world.clock.now() - startedMs });
}

const noFiles: StateFiles = { hot: [], tails: [], part: [] };

async function stateBefore(
  { world }: RollupContext,
  { previous, hashProbe }: RollupPlanFacts,
  range: PartRange,
): Promise<StateFiles> {
  if (previous === null) return noFiles;
  const { hot, tails, part } = readableBy(await readState(world.warehouse, previous), hashProbe);
  const inside = (files: readonly StateFile[]) => overlapping(files, range);
  return { hot: inside(hot), tails: inside(tails), part: inside(part) };
}

function countedIn(sources: readonly PointSource[], range: PartRange): RollupAudit['counted'] {
  const counts = sources.map((source) => pointsIn(source, range));
  return {
    points: counts.reduce((sum, one) => sum + one.points, 0),
    refused: counts.reduce((sum, one) => sum + one.refused, 0),
  };
}

function together(all: readonly Findings[], facts: Readonly<Record<string, unknown>>): AuditReport {
  const checks = all.flatMap((one) => one.report({}).checks);
  return { passed: checks.every((check) => check.passed), checks, facts };
}

/** Of the files that the batch adds and of its state's. */
export async function auditFooters(one: CommonAudit, found: Findings): Promise<void> {
  const { context, fields, added, written, carried } = one;
  await using session = await context.session('audit-footers');
  const common = { session, findings: found, store: context.world.warehouse };
  const columns = columnsOf(fields);
  await auditFiles({ ...common, check: 'data files', files: added, columns });
  for (const kind of ['hot', 'tails', 'part'] as const) {
    const files: readonly StateFile[] = [...written[kind], ...carried[kind]];
    const expected = stateFileColumns(one, kind);
    await auditFiles({ ...common, check: 'state files', files, columns: expected });
  }
}

export async function sourcesOf(
  { world }: RollupContext,
  facts: RollupPlanFacts,
): Promise<readonly PointSource[]> {
  const lines = new TextDecoder().decode(await world.results.read(facts.sources)).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as PointSource);
}

function totalCounts(outcomes: readonly RollupOutcome[]): PointCounts {
  const sum = (name: keyof PointCounts) => outcomes.reduce((total, { points }) => total + points[name], 0);
  return {
    arrived: sum('arrived'),
    tooLate: sum('tooLate'),
    tooFar: sum('tooFar'),
    duplicates: sum('duplicates'),
    hotBefore: sum('hotBefore'),
    hotAfter: sum('hotAfter'),
    closed: sum('closed'),
    resets: sum('resets'),
    series: sum('series'),
    largestSeries: Math.max(0, ...outcomes.map(({ points }) => points.largestSeries)),
  };
}
