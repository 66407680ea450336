import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';

/** What `npm run bench -- engines` measured last; `bench/fit-engines.ts` makes the router's model of it. */
export const measurementsPath = resolve(import.meta.dirname, 'engine-measurements.json');

const engineUnit = z.strictObject({
  engine: z.enum(['duckdb', 'spark']),
  /** The first unit of its process: with Spark its code is not compiled yet. */
  first: z.boolean(),
  /** Of the files that the unit opens, compressed. */
  bytes: z.number(),
  rows: z.number(),
  /** Array entries and other columns of a row. */
  entries: z.number(),
  groups: z.number(),
  /** Rows that the plan expects to change. */
  changedRows: z.number(),
  /** The changed ones, and all rows of copied files. */
  writtenRows: z.number(),
  largestGroupRows: z.number(),
  wallSeconds: z.number(),
  cpuSeconds: z.number(),
  peakBytes: z.number(),
});

const measurements = z.strictObject({
  formatVersion: z.literal(1),
  /** Processes that waited for the cores, on average, when it began: wall times say little above 1 a core. */
  load: z.number(),
  cores: z.number(),
  units: z.array(engineUnit),
  /** Spark's start until it takes the first unit. */
  sparkStarts: z.array(z.strictObject({ wallSeconds: z.number(), cpuSeconds: z.number() })),
  /** A MERGE a month by Spark itself, without its start, beside the units that did the same and more. */
  merges: z.array(
    z.strictObject({
      scenario: z.string(),
      wallSeconds: z.number(),
      cpuSeconds: z.number(),
      unitsWallSeconds: z.number(),
      unitsCpuSeconds: z.number(),
    }),
  ),
});

export type EngineUnit = z.output<typeof engineUnit>;
export type EngineMeasurements = z.output<typeof measurements>;

export async function readMeasurements(path = measurementsPath): Promise<EngineMeasurements> {
  return measurements.parse(JSON.parse(await readFile(path, 'utf8')));
}
