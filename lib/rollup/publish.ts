import { sha256 } from '../run/layout.ts';
import { publishTables } from '../run/publish/commit-set.ts';
import type { Plan, Published } from '../run/workload.ts';
import { joinLocation } from '../stores/location.ts';
import type { Location } from '../stores/ports.ts';
import { newestBatch } from './batch.ts';
import { mustFollow } from './plan/plan.ts';
import { startOfBatch } from './plan/start.ts';
import { reportOf } from './report.ts';
import { rulesOf, watermark } from './rules.ts';
import { batchFolder } from './state/folder.ts';
import { committedSizes } from './state/job.ts';
import { batchKeys, newestBatchTag, type RollupState, type StateFile, stateText } from './state/state.ts';
import { targetTable } from './tables.ts';
import type { RollupContext, RollupOutcome, RollupPlanFacts } from './types.ts';
import { completeFiles, unitOutcomes } from './work/outcomes.ts';

/**
 * State files get their names, the state says which they are, then one commit of all resolutions whose snapshot names
 * the state: rows and state switch together. An empty batch is a commit, too.
 * @throws BatchOrderError when the table is not at the batch before
 */
export async function publish(context: RollupContext, plan: Plan): Promise<Published> {
  const facts = plan.workload as RollupPlanFacts;
  const { warehouse } = context.world;
  const units = await unitOutcomes(context, plan);
  const outcomes = units.map(({ outcome }) => outcome);
  await completeFiles(context, units);
  await context.world.step('state-committed');
  const { state: before } = await startOfBatch(context);
  const sizes = await committedSizes(context);
  const text = stateText(nextState(context, facts, outcomes, sizes, before?.repairs));
  const digest = sha256(text);
  const location = joinLocation(batchFolder(context), `state-${digest.slice(0, 16)}.json`);
  await warehouse.write(location, new TextEncoder().encode(text), { overwrite: true });
  await context.world.step('state-written');
  const published = await publishTables({
    context,
    plan,
    targets: [targetTable(context.config, rulesOf(context.config), warehouse.root)],
    commit: {
      summary: {
        [batchKeys.batch]: String(facts.batch),
        [batchKeys.state]: location,
        [batchKeys.digest]: digest,
        [batchKeys.input]: facts.input,
      },
      tag: newestBatchTag(context.branch),
      evenIfEmpty: true,
    },
    validate: async (_target, table) =>
      mustFollow(context, newestBatch(table, context.branch), facts.previous ?? undefined),
  });
  return { ...published, facts: { ...published.facts, rollup: reportOf(facts, outcomes, digest) } };
}

function nextState(
  context: RollupContext,
  facts: RollupPlanFacts,
  outcomes: readonly RollupOutcome[],
  sizes: ReadonlyMap<Location, number>,
  repairs: RollupState['repairs'],
): RollupState {
  // Of two attempts of a unit, the files may be those of the one and the checkpoint that of the other.
  const published = (file: StateFile): StateFile => ({
    ...file,
    sizeBytes: sizes.get(file.location) ?? file.sizeBytes,
  });
  const files = (kind: 'hot' | 'tails' | 'part'): readonly StateFile[] =>
    [...outcomes.flatMap((one) => one.state[kind]).map(published), ...facts.carried[kind]].sort(
      (a, b) => a.firstPart - b.firstPart,
    );
  const newest = (of: (outcome: RollupOutcome) => number | null) => {
    const known = outcomes.map(of).filter((one) => one !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  return {
    formatVersion: 1,
    pipeline: context.config.pipeline,
    batch: facts.batch,
    runId: context.runId,
    watermarkMs: facts.watermarkMs,
    endMs: watermark(rulesOf(context.config), facts.batch),
    closedThroughMs: facts.closedAfterMs,
    newestHotMs: newest((one) => one.newestHotMs),
    newestPartMs: newest((one) => one.newestPartMs),
    parts: facts.parts,
    hashProbe: facts.hashProbe,
    ...(repairs === undefined ? {} : { repairs }),
    hot: files('hot'),
    tails: files('tails'),
    part: files('part'),
  };
}
