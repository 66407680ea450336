import { plural } from '../../report/format.ts';
import { planOfRun } from '../../run/local/local-attempt.ts';
import { sparkShares } from '../../run/spark/share.ts';
import { prepareStage } from '../../run/units/checkpoints.ts';
import type { Plan } from '../../run/workload.ts';
import type { RunRecord } from '../../stores/ports.ts';
import type { Progress } from '../progress.ts';
import type { AwsSession } from './session.ts';

export interface Watch {
  /** Tells what is new since the last look. */
  look(run: RunRecord): Promise<void>;
}

interface WatchedStage {
  readonly name: string;
  readonly units: number;
  readonly told: Set<string>;
}

/** Looks at a run as its last attempt left it, before that is told. */
const mostLooksAtOld = 5;

/** Makes the events of a run on this machine out of what a run elsewhere leaves in the state table. */
export function watchRun(
  { world }: Pick<AwsSession, 'world'>,
  progress: Progress,
  awaitedAttempt = 1,
): Watch {
  const sinceMs = world.clock.now();
  let looks = 0;
  let attempt = 0;
  let generation: unknown;
  let plan: Plan | undefined;
  const stages = new Map<string, WatchedStage>();
  const steps = new Set<string>();
  let toSpark: ReturnType<typeof sparkShares> | undefined;

  const announce = (runId: string, name: string, units: number, of: { rows: number; bytes: number }) => {
    if (stages.get(name)?.units === units) return;
    stages.set(name, { name, units, told: new Set() });
    progress.event({ kind: 'stage', runId, stage: name, units, ...of });
  };
  const planned = async (run: RunRecord) => {
    if (plan !== undefined && generation === run.facts['planGeneration']) return;
    if (run.status === 'claimed' || run.status === 'prepared') return;
    generation = run.facts['planGeneration'];
    plan = await planOfRun(world, run);
    const { replanned } = run.facts;
    if (typeof replanned === 'string') progress.event({ kind: 'note', runId: run.runId, text: replanned });
    for (const { name, units, rows, bytes } of plan?.stages ?? [])
      announce(run.runId, name, units, { rows, bytes });
  };
  /** Stages that Spark was given units of since the first look. */
  const spark = (run: RunRecord) => {
    const now = sparkShares(run);
    const before = toSpark ?? now;
    toSpark = now;
    for (const [stage, { units: given }] of Object.entries(now))
      if (given > (before[stage]?.units ?? 0)) {
        const text = `${plural(given, 'unit')} of ${stage} by Spark`;
        progress.event({ kind: 'note', runId: run.runId, text, stage });
      }
  };
  const units = async (run: RunRecord, stage: WatchedStage) => {
    if (stage.told.size >= stage.units) return;
    for await (const record of world.state.checkpoints.list(run.runId, stage.name)) {
      if (stage.told.has(record.unit)) continue;
      stage.told.add(record.unit);
      const { runId } = run;
      const { unit, rows, bytes, startedMs, endedMs } = record;
      // Done by an earlier attempt, or before anyone looked: no measure of speed.
      const skipped = endedMs < sinceMs;
      const elapsedMs = endedMs - startedMs;
      progress.event({ kind: 'unit', runId, stage: stage.name, unit, rows, bytes, skipped, elapsedMs });
    }
  };

  return {
    look: async (run) => {
      const objects = Number(run.facts['objects'] ?? 0);
      looks += 1;
      if (objects === 0 || (run.attempt < awaitedAttempt && looks < mostLooksAtOld)) return;
      if (run.attempt !== attempt) {
        attempt = run.attempt;
        steps.clear();
        progress.event({ kind: 'run', runId: run.runId, attempt, objects });
      }
      announce(run.runId, prepareStage, objects, { rows: 0, bytes: 0 });
      await planned(run);
      spark(run);
      for (const stage of stages.values()) await units(run, stage);
      const status = run.status;
      for (const step of ['audit', 'publish']) {
        const isReached = status === 'publishing' || (status === 'auditing' && step === 'audit');
        if (!isReached || steps.has(step)) continue;
        steps.add(step);
        progress.event({ kind: 'stage', runId: run.runId, stage: step, units: 1, rows: 0, bytes: 0 });
      }
    },
  };
}
