import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { z } from 'zod';
import { MalformedEventError, PartwiseError, UnitUnfinishedError } from '../../lib/errors.ts';
import { handlers } from '../../lib/run/handlers.ts';
import { workloadOf } from '../../lib/run/workloads.ts';
import { storageError } from '../../lib/storage-error.ts';
import { deadlineOf } from './deadline.ts';
import { holdLease } from './lease.ts';
import { logger, metrics, tracer } from './telemetry.ts';
import { type FunctionWorld, functionWorld } from './world.ts';

type Backbone = ReturnType<typeof handlers>;

export interface TaskTools extends FunctionWorld {
  readonly backbone: Backbone;
}

export interface TaskOptions<Schema extends z.ZodType> {
  /** What the state machine sends; anything else is refused before it is looked at. */
  readonly schema: Schema;
  readonly run: (payload: z.output<Schema>, tools: TaskTools) => Promise<unknown>;
  /** Whether the work is for nothing once another run has the lease. Default: yes, if the payload names a run. */
  readonly needsLease?: boolean;
}

/**
 * A function behind one of the state machine's tasks: input checked, run and unit in every log line, metrics and traces,
 * stopped before its time is up. Errors keep their names, since those are what the state machine catches by.
 */
export function taskHandler<Schema extends z.ZodType>({
  schema,
  run,
  needsLease = true,
}: TaskOptions<Schema>) {
  const handler = async (event: unknown, context: Context): Promise<unknown> => {
    const parsed = schema.safeParse(event);
    if (!parsed.success) throw noted(malformed(parsed.error));
    const keys = correlation(parsed.data);
    logger.appendKeys(keys);
    using deadline = deadlineOf(context, keys.unit);
    const { signal, remainingMs } = deadline;
    try {
      const opened = await functionWorld();
      if (needsLease && keys.run !== undefined)
        await holdLease(opened.world, opened.config.pipeline, keys.run, context.getRemainingTimeInMillis());
      const backbone = handlers({
        world: opened.world,
        pipeline: async (name) => ownConfig(opened, name),
        workloadOf,
        signal,
        remainingMs,
      });
      try {
        const answer = await run(parsed.data, { ...opened, backbone });
        countMetric('TasksDone', 1);
        return answer;
      } finally {
        // Too little room shows itself in the next task; this one's outcome stands.
        await opened.trim().catch((failure: unknown) => logger.warn('no room was made', failure as Error));
      }
    } catch (error) {
      if (error instanceof UnitUnfinishedError) {
        countMetric('UnitsHandedOver', 1);
        logger.info(error.message, { details: error.details });
        throw error;
      }
      // What was interrupted fails in its own way; the reason is ours.
      throw noted(signal.aborted ? signal.reason : storageError(error));
    }
  };
  // Middy would throw an error of its own a moment before the end; ours is earlier and has a name that says more.
  return middy(handler, { timeoutEarlyInMillis: 0 })
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use(logMetrics(metrics))
    .use(captureLambdaHandler(tracer, { captureResponse: false }));
}

/** A failure as it goes to the state machine, counted and said in one line of the log. */
function noted(failure: unknown): unknown {
  countMetric('TasksFailed', 1);
  logFailure(failure);
  return failure;
}

/** One line with the error, what it left untouched, and what to do. */
export function logFailure(failure: unknown, more: Readonly<Record<string, string>> = {}): void {
  const error = failure instanceof Error ? failure : new Error(String(failure));
  const advice =
    error instanceof PartwiseError ? { safe: error.safe, next: error.next, details: error.details } : {};
  logger.error(error.message, { error, ...advice, ...more });
}

function malformed(problem: z.ZodError): MalformedEventError {
  return new MalformedEventError(`the payload is not what the state machine sends: ${problem.message}`, {
    safe: 'nothing was done',
    next: 'compare the deployed state machine and functions: cdk deploy brings both up to date',
  });
}

/** Run and unit: the keys that find every line and trace of one piece of work. */
function correlation(payload: unknown): {
  readonly run?: string;
  readonly unit?: string;
  readonly attempt?: number;
} {
  const { runId, run = runId, unit, stage, attempt } = payload as Readonly<Record<string, unknown>>;
  return {
    ...(typeof run === 'string' ? { run } : {}),
    ...(typeof unit === 'string' ? { unit: typeof stage === 'string' ? `${stage}/${unit}` : unit } : {}),
    ...(typeof attempt === 'number' ? { attempt } : {}),
  };
}

function ownConfig({ config }: FunctionWorld, name: string): FunctionWorld['config'] {
  if (name === config.pipeline) return config;
  throw new MalformedEventError(
    `pipeline ${name} is not configured here; this function is of ${config.pipeline}`,
    {
      safe: 'nothing was claimed',
      next: `start an execution of partwise-${name}`,
    },
  );
}

export function countMetric(name: string, value: number): void {
  metrics.addMetric(name, MetricUnit.Count, value);
}
