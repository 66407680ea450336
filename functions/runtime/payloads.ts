import { z } from 'zod';

/** What the state machine sends, by task. Unknown keys pass: a redrive may run older payloads. */

const runId = z.string().regex(/^[a-z][a-z0-9_-]{0,120}$/);
const attempt = z.number().int().min(1);

export const intakePayload = z.looseObject({
  pipeline: z.string().min(1),
  mode: z.enum(['plan', 'run']).optional(),
  branch: z.string().min(1).optional(),
  fromMonth: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])$/)
    .optional(),
  runId: runId.optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  flush: z.boolean().optional(),
  task: z.looseObject({ kind: z.string().min(1) }).optional(),
  execution: z.string().min(1).optional(),
});

export const runPayload = z.looseObject({ runId, attempt });

const machineFailure = z.object({ name: z.string(), cause: z.string() });

/** A plan is wanted; or units for Spark are to be grouped, or a run of Spark has failed. */
export const planPayload = z.union([
  z.looseObject({ action: z.literal('plan').optional(), runId, attempt, replan: z.boolean().optional() }),
  z.looseObject({ action: z.literal('group'), runId, attempt, stage: z.string().min(1) }),
  z.looseObject({
    action: z.literal('spark-failed'),
    runId,
    attempt,
    stage: z.string().min(1),
    group: z.string().regex(/^g\d+$/),
    error: machineFailure,
  }),
]);

export const workPayload = z.looseObject({
  run: runId,
  stage: z.string().min(1),
  unit: z.string().min(1),
  specification: z.string().min(1),
  offset: z.number().int().min(0),
  length: z.number().int().min(1),
  attempt,
  finish: z.boolean().optional(),
  group: z
    .string()
    .regex(/^g\d+$/)
    .optional(),
  reroute: machineFailure.optional(),
});

/** How the run ended; or a failure that was recorded and is now to be raised, so that the execution fails by its name. */
export const reportPayload = z.union([
  z.looseObject({
    action: z.literal('report').optional(),
    runId,
    attempt,
    outcome: z.enum(['succeeded', 'failed', 'empty', 'planned']),
    error: machineFailure.optional(),
  }),
  z.looseObject({
    action: z.literal('raise'),
    runId,
    attempt,
    error: machineFailure,
    redriven: z.boolean(),
  }),
]);

/** A batch of the queue, as Lambda delivers it. */
export const queueBatch = z.looseObject({
  Records: z.array(z.looseObject({ messageId: z.string().min(1), body: z.string() })).min(1),
});

export const anyEvent = z.looseObject({});
