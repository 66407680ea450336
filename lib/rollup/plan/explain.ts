import type { RollupConfig } from '../../config/schema.ts';
import { count, duration, plural } from '../../report/format.ts';
import { type DeadlinePlan, deadlineLines } from '../../run/engines/deadline.ts';
import type { EngineFacts } from '../../run/engines/engine-facts.ts';
import { engineLines } from '../../run/engines/engine-lines.ts';
import type { Plan } from '../../run/workload.ts';
import type { RollupRules } from '../rules.ts';
import { quantilesText } from '../sketch/sketch.ts';
import type { RollupState } from '../state/state.ts';
import type { RollupPlanFacts } from '../types.ts';

/** Measured on one core, with four labels and three resolutions (docs/performance.md). */
const pointsPerSecond = 900_000;
/** The same with quantiles, of values that lie in many buckets. */
const sketchedPerSecond = 450_000;
const secondsPerBatch = 0.5;
const stateBytesPerRow = 40;

export function estimate(
  facts: RollupPlanFacts,
  state: RollupState | undefined,
  { threads, config }: { readonly threads: number; readonly config: Pick<RollupConfig, 'quantiles'> },
): Plan['estimate'] {
  const stored = [...(state?.hot ?? []), ...(state?.tails ?? []), ...(state?.part ?? [])];
  const stateBytes = stored.reduce((sum, file) => sum + file.sizeBytes, 0);
  const stateRows = stored.reduce((sum, file) => sum + file.rows, 0);
  return {
    seconds:
      secondsPerBatch +
      (facts.points + stateRows) /
        ((quantilesText(config) === 'none' ? pointsPerSecond : sketchedPerSecond) * threads),
    bytesRead: stateBytes,
    bytesWritten: stateBytes + facts.points * stateBytesPerRow,
    costUsd: undefined,
  };
}

export function explain(
  facts: RollupPlanFacts,
  rules: RollupRules,
  state: RollupState | undefined,
  units: {
    readonly work: number;
    /** Who runs them; undefined where nothing was to be decided. */
    readonly engines: EngineFacts | undefined;
    readonly deadline: DeadlinePlan | undefined;
    readonly check: number;
    readonly config: Pick<RollupConfig, 'quantiles' | 'work'>;
  },
): readonly string[] {
  const quantiles = quantilesText(units.config);
  const rows = (files: readonly { readonly rows: number }[] = []) =>
    count(files.reduce((sum, file) => sum + file.rows, 0));
  const closed = (ms: number | null) => (ms === null ? 'nothing' : `windows to ${time(ms)}`);
  return [
    `batch ${facts.batch} ends at ${time(facts.watermarkMs)}: ${plural(facts.points, 'point')} of ${plural(facts.files, 'file')}`,
    `closed so far: ${closed(facts.closedBeforeMs)}; after it: ${closed(facts.closedAfterMs)}${facts.flush ? ' (flush)' : ''}`,
    `resolutions ${rules.resolutionsMs.map((length) => duration(length)).join(', ')}; points are summed up by ${duration(rules.baseMs)} first`,
    ...(quantiles === 'none' ? [] : [`quantiles ${quantiles} of the value`]),
    `state of the batch before: ${rows(state?.hot)} points, ${rows(state?.tails)} tails, ${rows(state?.part)} open rows`,
    `${plural(units.work, 'unit')}${units.check === 0 ? '' : `, audited in ${plural(units.check, 'unit')}`}`,
    ...(units.engines === undefined ? [] : engineLines(units.engines)),
    ...deadlineLines(units.deadline),
  ];
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
