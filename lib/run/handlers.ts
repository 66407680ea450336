import type { PipelineConfig } from '../config/schema.ts';
import { CorruptStateError, IntegrityError, LeaseHeldError, UnfinishedBatchError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';
import { isCurrentAttempt, mustBeCurrentAttempt } from './attempt-guard.ts';
import { keptManifest, runContext } from './context.ts';
import { deadlineFact } from './engines/deadline-facts.ts';
import type {
  GroupPayload,
  IntakePayload,
  ObjectReference,
  PlanPayload,
  RaisePayload,
  ReportPayload,
  RunPayload,
  SparkFailedPayload,
} from './handler-payloads.ts';
import { type ClaimedRun, continueRun, givenUpOnFailure, isSettled, startRun } from './intake/claim.ts';
import { jsonBytes, layout } from './layout.ts';
import { refuseOvertaken } from './plan/overtaken.ts';
import { keptPlan, planRun } from './plan/planning.ts';
import { writePrepareItems } from './prepare.ts';
import { raisedError, recordedError, unitFailure } from './raised-error.ts';
import { maintainAfter, noteLateness, releaseLease, settleIntake } from './run-end.ts';
import { addFacts, addTimes } from './run-facts.ts';
import { groupForSpark } from './spark/groups.ts';
import { saveRunFailure } from './spark/outcome.ts';
import { noteSparkShare } from './spark/share.ts';
import { hasSpark } from './spark/use.ts';
import { configForTask } from './tasks.ts';
import { prepareStage } from './units/checkpoints.ts';
import { type UnitWork, workUnit } from './units/unit-work.ts';
import type { RunContext, Workload, World } from './workload.ts';

/** The functions behind the state machine's tasks, the same ones wherever it runs. Payloads carry ids and locations only. */

export interface HandlerOptions {
  readonly world: World;
  readonly pipeline: (name: string) => Promise<PipelineConfig>;
  readonly workloadOf: (config: PipelineConfig) => Workload;
  readonly signal: AbortSignal;
  /** Until the signal fires for want of time; absent where nothing ends a handler. */
  readonly remainingMs?: () => number;
}

export function handlers(options: HandlerOptions) {
  const { world, workloadOf, signal } = options;
  const time = options.remainingMs === undefined ? {} : { remainingMs: options.remainingMs };

  async function runOf(runId: string): Promise<RunRecord> {
    const run = await world.state.runs.get(runId);
    if (run === undefined) throw new CorruptStateError(`there is no run ${runId}`, { next: 'partwise runs' });
    return run;
  }

  async function contextFor(run: RunRecord, parallelUnits = 1): Promise<RunContext> {
    const { config } = await keptManifest(world, run.runId);
    return runContext({ world, run, config, signal, parallelUnits, ...time });
  }

  /** @throws LeaseLostError when the attempt is not the run's any more */
  async function currentRun({ runId, attempt }: RunPayload): Promise<RunRecord> {
    const run = await runOf(runId);
    mustBeCurrentAttempt(run, attempt);
    return run;
  }

  const contextOf = async (payload: RunPayload): Promise<RunContext> => contextFor(await currentRun(payload));

  const maintained = (context: RunContext) => maintainAfter(workloadOf(context.config), context);

  /** The state machine tries again when another run holds the lease; people should know what it waits for. */
  async function waitingNoted<T>(claim: Promise<T>): Promise<T> {
    try {
      return await claim;
    } catch (error) {
      if (error instanceof LeaseHeldError) {
        world.progress({
          kind: 'note',
          runId: String(error.details['holder']),
          text: `waiting: ${error.message}`,
        });
      }
      throw error;
    }
  }

  return {
    intake: async (payload: IntakePayload) => {
      const { fromMonth, execution } = payload;
      const deployed = await options.pipeline(payload.pipeline);
      const ordered =
        fromMonth === undefined || deployed.kind !== 'summary'
          ? deployed
          : { ...deployed, work: { ...deployed.work, fromMonth } };
      const workload = workloadOf(ordered);
      const { task } = payload;
      const config = task === undefined ? ordered : configForTask(workload, ordered, task);
      const by = execution === undefined ? {} : { execution };
      const claimed = await waitingNoted(
        payload.runId === undefined
          ? startOrContinue({
              world,
              config,
              workload,
              branch: payload.branch ?? 'main',
              mode: payload.mode ?? 'run',
              ...(payload.until === undefined ? {} : { untilMs: Date.parse(payload.until) }),
              ...(payload.flush === undefined ? {} : { flush: payload.flush }),
              ...(task === undefined ? {} : { task }),
              ...by,
            })
          : continueRun({ world, config, workload, runId: payload.runId, ...by }),
      );
      const { runId, attempt } = claimed.run;
      world.progress({ kind: 'run', runId, attempt, objects: claimed.objects });
      if (!claimed.due)
        return { runId, attempt, objects: 0, due: false, items: objectReference(world, world.results.root) };
      const context = await contextOf({ runId, attempt });
      // Nobody catches what fails here in the first attempt: there is no run that the state machine knows of.
      const write = () => writePrepareItems(context);
      const stage = await (attempt === 1 ? givenUpOnFailure(world, runId, write) : write());
      const times = { createdMs: claimed.run.createdMs, nowMs: world.clock.now() };
      const manifest = await keptManifest(world, runId);
      await addFacts(world, runId, {
        objects: stage.units,
        ...deadlineFact(context.config, manifest, times),
      });
      world.progress({
        kind: 'stage',
        runId,
        stage: prepareStage,
        units: stage.units,
        rows: 0,
        bytes: stage.bytes,
      });
      return {
        runId,
        attempt,
        objects: stage.units,
        due: true,
        items: objectReference(world, stage.items),
      };
    },

    plan: async (payload: RunPayload & (PlanPayload | GroupPayload | SparkFailedPayload)) => {
      const context = await contextOf(payload);
      if (payload.action === 'group') return groupUnits(context, payload.stage);
      if (payload.action === 'spark-failed') {
        await saveRunFailure(context, payload.stage, payload.group, payload.error);
        return {};
      }
      const plan = await planRun({
        context,
        workload: workloadOf(context.config),
        replan: payload.replan ?? false,
      });
      for (const stage of plan.stages) {
        world.progress({
          kind: 'stage',
          runId: payload.runId,
          stage: stage.name,
          units: stage.units,
          rows: stage.rows,
          bytes: stage.bytes,
        });
      }
      await world.state.runs.update(payload.runId, { status: 'working' });
      return {
        outcome: plan.outcome,
        stages: plan.stages.map((stage) => ({
          name: stage.name,
          units: stage.units,
          items: objectReference(world, stage.items),
        })),
        spark: hasSpark(context, workloadOf(context.config)),
      };
    },

    work: async (payload: UnitWork & { readonly attempt: number }) => {
      const standing = await world.state.checkpoints.get(payload.run, payload.stage, payload.unit);
      const startedMs = world.clock.now();
      if (standing === undefined) {
        const run = await currentRun({ runId: payload.run, attempt: payload.attempt });
        const plan = payload.stage === prepareStage ? undefined : await keptPlan(await contextFor(run));
        const units =
          plan?.stages.find((one) => one.name === payload.stage)?.units ?? Number(run.facts['objects'] ?? 1);
        const context = await contextFor(run, units);
        await workUnit({ context, workload: workloadOf(context.config), plan, item: payload, startedMs });
      }
      const record =
        standing ?? (await world.state.checkpoints.get(payload.run, payload.stage, payload.unit));
      // Compiled for Spark, which has not done it yet.
      if (record === undefined) return {};
      world.progress({
        kind: 'unit',
        runId: payload.run,
        stage: payload.stage,
        unit: payload.unit,
        rows: record.rows,
        bytes: record.bytes,
        skipped: standing !== undefined,
        elapsedMs: world.clock.now() - startedMs,
      });
      return {};
    },

    audit: async (payload: RunPayload) => {
      const context = await contextOf(payload);
      await world.state.runs.update(payload.runId, { status: 'auditing' });
      world.progress({ kind: 'stage', runId: payload.runId, stage: 'audit', units: 1, rows: 0, bytes: 0 });
      const startedMs = world.clock.now();
      const workload = workloadOf(context.config);
      const plan = await keptPlan(context);
      await refuseOvertaken({ context, workload, plan });
      const report = await workload.audit(context, plan);
      await addTimes(world, payload.runId, 'audit', startedMs);
      await world.results.write(
        layout.audit(context.folder, `g${context.planGeneration}-a${context.attempt}`),
        jsonBytes(report),
        { overwrite: true },
      );
      const failed = report.checks.filter((check) => !check.passed);
      await addFacts(world, payload.runId, { audit: report.facts, auditChecks: report.checks.slice(0, 50) });
      if (!report.passed) {
        throw new IntegrityError(
          `the audit refused to publish: ${failed.map((check) => `${check.name}${check.detail === undefined ? '' : `: ${check.detail}`}`).join('; ')}`,
          {
            details: { failed },
            safe: 'nothing was published; readers see the tables as they were',
            next: `partwise status ${payload.runId}`,
          },
        );
      }
      await world.step('audited');
      return {};
    },

    publish: async (payload: RunPayload) => {
      const context = await contextOf(payload);
      await world.state.runs.update(payload.runId, { status: 'publishing' });
      world.progress({ kind: 'stage', runId: payload.runId, stage: 'publish', units: 1, rows: 0, bytes: 0 });
      const startedMs = world.clock.now();
      const published = await workloadOf(context.config).publish(context, await keptPlan(context));
      await addTimes(world, payload.runId, 'publish', startedMs);
      await addFacts(world, payload.runId, { published: published.snapshots, ...published.facts });
      await world.step('published');
      return {};
    },

    report: async (payload: RunPayload & (ReportPayload | RaisePayload)) => {
      // The state that fails an execution is the one that a redrive enters again: it lets the run go on.
      if (payload.action === 'raise') {
        if (payload.redriven) return {};
        // By the name of what failed: of a Map the state machine knows only that some unit did.
        throw raisedError(await unitFailure(world, payload.runId, payload.error));
      }
      const run = await world.state.runs.get(payload.runId);
      if (run === undefined) return {};
      if (isSettled(run)) {
        await releaseLease(world, run);
        return {};
      }
      if (!isCurrentAttempt(run, payload.attempt)) return {};
      if (payload.outcome === 'succeeded') await settleIntake(await contextOf(payload));
      await world.step('settled');
      noteLateness(world, run);
      const maintenance = payload.outcome === 'succeeded' ? await maintained(await contextOf(payload)) : [];
      await world.state.runs.update(payload.runId, {
        status: payload.outcome,
        endedMs: payload.outcome === 'planned' ? undefined : world.clock.now(),
        error:
          payload.error === undefined ? undefined : await recordedError(world, payload.runId, payload.error),
        facts: {
          ...(await world.state.runs.get(payload.runId))?.facts,
          ...(maintenance.length > 0 ? { maintenance } : {}),
        },
      });
      await releaseLease(world, run);
      return {};
    },
  };
}

async function groupUnits(context: RunContext, stage: string) {
  const { world, runId } = context;
  const planned = (await keptPlan(context)).stages.find(({ name }) => name === stage);
  if (planned === undefined) throw new CorruptStateError(`the plan of ${runId} has no stage ${stage}`);
  const { runs, units, items, finish, rerouted } = await groupForSpark(context, planned);
  if (items === undefined || finish === undefined) return { runs: 0 };
  const goes = units === 1 ? `1 unit of ${stage} goes` : `${units} units of ${stage} go`;
  const text = `${goes} to Spark, in ${runs} ${runs === 1 ? 'run' : 'runs'} of it`;
  world.progress({ kind: 'note', runId, text, stage });
  for (const { unit, name, message } of rerouted.some)
    world.progress({ kind: 'note', runId, text: `${unit} goes to Spark: ${name}: ${message}` });
  await noteSparkShare(context, stage, { rerouted });
  return { runs, items: objectReference(world, items), finish: objectReference(world, finish) };
}

/** A batch that a failed run holds is taken up again instead of standing in the way of every later one. */
async function startOrContinue(options: Parameters<typeof startRun>[0]): Promise<ClaimedRun> {
  try {
    return await startRun(options);
  } catch (error) {
    if (!(error instanceof UnfinishedBatchError)) throw error;
    const runId = String(error.details['runId']);
    if (error.details['status'] === 'planned' && (await isSavedPlan(options.world, runId))) throw error;
    return continueRun({ ...options, runId });
  }
}

/** A person looks at the plan before it is applied; else the run was killed right after it had planned. */
async function isSavedPlan(world: World, runId: string): Promise<boolean> {
  return (await keptManifest(world, runId)).mode === 'plan';
}

function objectReference(world: World, location: string): ObjectReference {
  return { key: location.slice(world.results.root.length + 1) };
}
