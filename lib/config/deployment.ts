import { z } from 'zod';

/**
 * Where a deployed pipeline lives: written by its stack as one parameter, read by the command line. Names only, no
 * secret. A reader refuses a version that it does not know.
 */
const deploymentSchema = z.looseObject({
  version: z.literal(1),
  pipeline: z.string().min(1),
  /** ARN. */
  stateMachine: z.string().min(1),
  /** URL. */
  queue: z.string().min(1),
  /** Name. */
  stateTable: z.string().min(1),
  /** Names of the buckets. */
  staging: z.string().min(1),
  warehouse: z.string().min(1),
  results: z.string().min(1),
  /** Of the pipeline file that was deployed, see `configDigest`. */
  configDigest: z.string().optional(),
  /** Units at a time. */
  concurrency: z.number().int().min(1).optional(),
});

export type Deployment = z.output<typeof deploymentSchema>;

/** @example deploymentParameter('accounts') // '/partwise/accounts' */
export function deploymentParameter(pipeline: string): string {
  return `/partwise/${pipeline}`;
}

/** The deployment that the parameter's text says; undefined when it is none that this version knows. */
export function parseDeployment(text: string): Deployment | undefined {
  try {
    return deploymentSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
