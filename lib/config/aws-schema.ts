import { z } from 'zod';
import { byteSizePattern, durationPattern, parseByteSize, parseDurationMs } from './sizes.ts';

/**
 * The section `aws` of a pipeline: how it is deployed. Nothing here changes a row, so a plan does not depend on it,
 * and runs on this machine ignore it. Limits are the services' own.
 */

const day = 86_400_000;

const durationBetween = (least: number, most: number, text: string) =>
  z
    .string()
    .regex(durationPattern, 'a number and ms, s, m, h or d')
    .refine((value) => !durationPattern.test(value) || isWithin(parseDurationMs(value), least, most), text);

const sizeBetween = (least: number, most: number, text: string) =>
  z
    .string()
    .regex(byteSizePattern, 'a number and KB, MB, GB or TB')
    .refine((value) => !byteSizePattern.test(value) || isWithin(parseByteSize(value), least, most), text);

/** Lambda's limits, 128 to 10,240 MiB; what the engine may use of it follows from it. */
const memory = sizeBetween(512e6, 10.7e9, '512 MB to 10.7 GB');
const disk = sizeBetween(537e6, 10.7e9, '537 MB to 10.7 GB');
const alarmAfter = durationBetween(60_000, 7 * day, '1m to 7d');

const glue = z.strictObject({
  /** G.1X: 4 cores and 16 GB a worker; each next one twice as much. By default by what the units of a run take. */
  workerType: z.enum(['G.1X', 'G.2X', 'G.4X', 'G.8X']).optional(),
  /** The most workers of a run; each gets as many as have ten minutes of work. */
  workers: z.number().int().min(2).max(299).default(10),
  /** A run that has not ended by then is stopped; its units that are done stand. */
  timeout: durationBetween(300_000, day, '5m to 1d').default('4h'),
  /** Runs of Spark at a time. */
  concurrentRuns: z.number().int().min(1).max(50).default(4),
});

const schedule = z.strictObject({
  /** `cron(minutes hours day-of-month month day-of-week year)` or `rate(n unit)`, as EventBridge Scheduler has them. */
  expression: z
    .string()
    .regex(
      /^(cron\([^()]+\)|rate\([1-9]\d* (minute|minutes|hour|hours|day|days)\))$/,
      "cron(…) or rate(…), e.g. 'cron(0 6 * * ? *)'",
    ),
  timezone: z
    .string()
    .regex(/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/, 'an IANA time zone, e.g. Europe/Vienna')
    .default('UTC'),
  /** How long an occurrence that could not be delivered is still tried; its logical time stays the scheduled one. */
  catchUp: durationBetween(60_000, day, '1m to 1d').default('1h'),
});

export const awsSchema = z.strictObject({
  schedule: schedule.optional(),
  /** Files that arrive within it become one run. Zero starts a run at once. */
  window: durationBetween(0, 900_000, '0s to 15m').default('5m'),
  /** Units at a time. Stays below the account's limit of concurrent Lambda executions. */
  concurrency: z.number().int().min(1).max(10_000).default(40),
  /** Memory of one unit's function; CPU grows with it. */
  memory: memory.default('3 GB'),
  /** Memory of the functions that plan, audit and publish. */
  controlMemory: memory.default('2.2 GB'),
  /** Local disk of one unit: fetched inputs, spill and outputs before they are uploaded. */
  disk: disk.default('6 GB'),
  /** A unit that has not ended by then is cut off; it gives itself up in time. */
  unitTimeout: durationBetween(60_000, 900_000, '1m to 15m').default('15m'),
  /** Runs of Spark. Asks for Spark where units turn out too large for a function, too. */
  glue: glue.optional(),
  alarms: z
    .strictObject({
      /** A run that takes longer is late. */
      runLongerThan: alarmAfter.default('6h'),
      /** The oldest file that waits is older. */
      pendingLongerThan: alarmAfter.default('2h'),
      /** GB-seconds of all functions in a day, the larger part of the bill. */
      dailyGbSeconds: z.number().int().min(1).default(2_000_000),
    })
    .prefault({}),
  /** Days that logs are kept, one of the periods that CloudWatch has. */
  logDays: z.literal([1, 3, 5, 7, 14, 30, 60, 90, 120, 180, 365, 731, 1827]).default(90),
});

export type ScheduleConfig = z.output<typeof schedule>;

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}
