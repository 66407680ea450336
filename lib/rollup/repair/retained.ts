import type { RollupConfig } from '../../config/schema.ts';
import { parseDurationMs } from '../../config/sizes.ts';
import { ObjectNotFoundError } from '../../errors.ts';
import { readManifest } from '../../run/context.ts';
import { publishedBatches } from '../../run/intake/batches.ts';
import { layout } from '../../run/layout.ts';
import { readSavedJson } from '../../run/saved-json.ts';
import type { Plan } from '../../run/workload.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { RollupReport } from '../report.ts';
import { borders } from '../sql/prepared.ts';
import type { AppliedRepair, RollupState } from '../state/state.ts';
import type { PointSource, RollupContext, RollupPlanFacts } from '../types.ts';
import type { RetainedPoints } from './types.ts';

/** Times (after, to]. */
export type Span = readonly [after: number, to: number];

/**
 * The prepared points that are kept, of every published batch and earlier repair that may have points in the spans, in the
 * order of ingest. What is kept no more is left out: whoever recomputes a row from them sees whether they are all.
 */
export async function retainedPoints(
  context: RollupContext,
  state: RollupState,
  spans: readonly Span[],
): Promise<readonly RetainedPoints[]> {
  const { world, config } = context;
  const runs = await world.state.runs.list(config.pipeline, Number.MAX_SAFE_INTEGER);
  const byId = new Map(runs.map((run) => [run.runId, run]));
  const batches = publishedBatches(runs, 'main')
    .flatMap(({ runId, number }) => ({ runId, number, run: byId.get(runId) }))
    .filter(({ run }) => mayHold(run, spans))
    .sort((a, b) => a.number - b.number);
  const found: RetainedPoints[] = [];
  /** Those that are still to come, oldest first. */
  const repairs = [...(state.repairs ?? [])];
  for (const { runId, number, run } of batches) {
    // A repair comes after the batch that was the newest then, and before the next one.
    const at = repairs.findIndex(({ batch }) => batch >= number);
    found.push(...repairs.splice(0, at < 0 ? repairs.length : at).map(pointsOfRepair));
    if (run !== undefined) found.push(...(await pointsOfBatch(context, runId, run)));
  }
  return [...found, ...repairs.map(pointsOfRepair)];
}

/** By the histogram of lateness that the batch's report keeps. */
function mayHold(run: RunRecord | undefined, spans: readonly Span[]): boolean {
  const report = run?.facts['rollup'] as RollupReport | undefined;
  if (report === undefined) return true;
  if (report.points.arrived === 0) return false;
  const since = report.lateness.map(([fromMs]) => fromMs);
  const least = Math.min(...since);
  const next = borders.find((border) => border > Math.max(...since));
  const newestMs = least < 0 ? Number.POSITIVE_INFINITY : report.watermarkMs - least;
  const oldestMs = next === undefined ? Number.NEGATIVE_INFINITY : report.watermarkMs - next;
  return spans.some(([after, to]) => newestMs > after && oldestMs < to);
}

async function pointsOfBatch(
  { world }: RollupContext,
  runId: string,
  run: RunRecord,
): Promise<readonly RetainedPoints[]> {
  const folder = layout.runFolder(world.results.root, runId);
  try {
    const generation = Number(run.facts['planGeneration'] ?? 0);
    const plan = await readSavedJson<Plan>(world.results, layout.plan(folder, generation), runId);
    const { config } = await readManifest(world, runId);
    const facts = plan.workload as RollupPlanFacts;
    const maxFuture = (config as RollupConfig).maxFuture;
    const lines = new TextDecoder().decode(await world.results.read(facts.sources)).split('\n');
    return lines
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PointSource)
      .map(({ location, columns }) => ({
        location,
        columns,
        order: columns === undefined ? 'pw_row' : undefined,
        closedBeforeMs: facts.closedBeforeMs,
        notAfterMs: maxFuture === null ? null : facts.watermarkMs + parseDurationMs(maxFuture),
      }));
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return [];
    throw error;
  }
}

function pointsOfRepair({ points }: Pick<AppliedRepair, 'points'>): RetainedPoints {
  return { location: points, order: 'o', closedBeforeMs: null, notAfterMs: null };
}
