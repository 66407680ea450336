import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { Tracer } from '@aws-lambda-powertools/tracer';

/** One of each per function: service name and namespace come from the environment that the stack sets. */
export const logger = new Logger();
export const metrics = new Metrics();
export const tracer = new Tracer();
