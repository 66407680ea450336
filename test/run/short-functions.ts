import {
  type ExecutionResult,
  type Json,
  LAMBDA_INVOKE,
  type LambdaFunction,
  lambdaInvoke,
  startExecution,
} from '../../lib/asl/index.ts';
import { UnitTooLargeError } from '../../lib/errors.ts';
import { handlers } from '../../lib/run/handlers.ts';
import { intakeFiles } from '../../lib/run/intake/intake.ts';
import { objectAccess } from '../../lib/run/local/local-objects.ts';
import { pipelineMachine } from '../../lib/run/pipeline-definition.ts';
import { summaryWorkload } from '../../lib/summary/index.ts';
import type { SummaryTask } from '../../lib/summary/tasks/tasks.ts';
import { seededRandom, virtualTime } from '../asl/support.ts';
import type { Scenario } from '../generators/scenario.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { openProduct, type Product } from '../summary/product.ts';
import { noSpark } from '../support/no-spark.ts';

/** The state machine over functions that end after some pieces of a unit, by a clock that only pieces advance. */

const pieceMs = 1_000;

export interface Stop {
  /** Name of the step at which the process dies, and which of its visits. */
  readonly step: string;
  readonly visit: number;
}

export interface ShortFunctions extends AsyncDisposable {
  readonly product: Product;
  /** Names of the error that each call of a unit ended with, or `done`, by `stage/unit`. */
  readonly calls: Map<string, string[]>;
  /** Pieces begun, by stage. */
  readonly pieces: Map<string, number>;
  /** Dies when it reaches this. */
  stop: Stop | undefined;
  /** Lets so much time go by. */
  wait(ms: number): void;
  /** From the dropped files to the end, or on with a run. */
  execute(runId?: string, task?: SummaryTask): Promise<ExecutionResult>;
}

export type Work = (typeof summaryWorkload)['work'];

export interface ShortOptions {
  /** Pieces for which a function has time. */
  readonly fit: number;
  /** Calls of each unit at the same time. */
  readonly atOnce?: number;
  readonly document: Readonly<Record<string, unknown>>;
  /** Milliseconds of a piece of a stage. */
  readonly lastsMs?: (stage: string) => number;
  /** In place of the workload's own. */
  readonly work?: Work;
}

/** The scenario's tables are loaded and its files dropped. */
export async function openShortFunctions(scenario: Scenario, options: ShortOptions): Promise<ShortFunctions> {
  const { fit, atOnce = 1, lastsMs = () => pieceMs, work: worked = summaryWorkload.work } = options;
  // Files have the time of this machine.
  const time = { nowMs: Date.now() };
  const visits = new Map<string, number>();
  let dead: string | undefined;
  const step = async (name: string) => {
    if (dead !== undefined) throw new Error(`dead since ${dead}`);
    const visit = (visits.get(name) ?? 0) + 1;
    visits.set(name, visit);
    if (short.stop?.step === name && short.stop.visit === visit) {
      dead = name;
      throw new Error(`died at ${name}`);
    }
    if (!name.startsWith('piece:')) return;
    const stage = name.slice('piece:'.length);
    short.pieces.set(stage, (short.pieces.get(stage) ?? 0) + 1);
    time.nowMs += lastsMs(stage);
    for (const end of ends) if (time.nowMs > end.atMs) end.control.abort(new UnitTooLargeError('time is up'));
  };
  const ends = new Set<{ readonly atMs: number; readonly control: AbortController }>();
  const product = await openProduct({
    shape: scenario.shape,
    document: options.document,
    clock: { now: () => time.nowMs },
    step,
  });
  const { world, config } = product;
  await bulkLoad(product, scenario.initial);
  await product.drop(scenario.runs.flat());
  await intakeFiles({ world, config, stagingPath: world.stagingPath, branch: 'main', again: false });

  /** What a function's process has for one call. */
  const call = async (name: string, payload: Json): Promise<unknown> => {
    const control = new AbortController();
    const end = { atMs: time.nowMs + fit * pieceMs + pieceMs / 2, control };
    if (name === 'work') ends.add(end);
    const functions: Readonly<Record<string, (payload: never) => Promise<unknown>>> = handlers({
      world,
      pipeline: async () => config,
      workloadOf: () => ({ ...summaryWorkload, work: worked }),
      signal: control.signal,
      ...(name === 'work' ? { remainingMs: () => end.atMs - time.nowMs } : {}),
    });
    try {
      return await functions[name]?.(payload as never);
    } finally {
      ends.delete(end);
    }
  };

  const work: LambdaFunction = async (payload) => {
    const { stage, unit } = payload as { readonly stage: string; readonly unit: string };
    const outcomes = await Promise.allSettled(Array.from({ length: atOnce }, () => call('work', payload)));
    const told = short.calls.get(`${stage}/${unit}`) ?? [];
    short.calls.set(`${stage}/${unit}`, told);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    const done = outcomes.some((outcome) => outcome.status === 'fulfilled');
    told.push(done || failed === undefined ? 'done' : String(failed.reason?.name));
    if (!done && failed !== undefined) throw failed.reason;
    return {};
  };

  const short: ShortFunctions = {
    product,
    calls: new Map(),
    pieces: new Map(),
    stop: undefined,
    wait: (ms) => {
      time.nowMs += ms;
    },
    execute: async (runId, task) => {
      if (dead !== undefined) {
        // Nobody renews a dead process's lease.
        dead = undefined;
        short.stop = undefined;
        time.nowMs += 60 * 60_000;
      }
      const names = ['intake', 'plan', 'audit', 'publish', 'report'];
      return startExecution({
        machine: await pipelineMachine(),
        name: `execution-${time.nowMs}`,
        input: {
          pipeline: config.pipeline,
          concurrency: 1,
          ...(runId === undefined ? {} : { runId }),
          ...(task === undefined ? {} : { task: task as unknown as Json }),
        },
        tasks: {
          ...noSpark,
          [LAMBDA_INVOKE]: lambdaInvoke({
            work,
            ...Object.fromEntries(
              names.map((name) => [name, async (payload: Json) => (await call(name, payload)) as Json]),
            ),
          }),
        },
        objects: objectAccess({ results: world.results }),
        random: seededRandom(3),
        ...virtualTime(),
      });
    },
    [Symbol.asyncDispose]: () => product[Symbol.asyncDispose](),
  };
  return short;
}
