import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { limitKinds } from './engine-limit.ts';

/** What `npm run bench -- engines` measured last; `bench/fit-engines.ts` makes the router's model of it. */
export const measurementsPath = resolve(import.meta.dirname, 'engine-measurements.json');

const engineUnit = z.strictObject({
  scenario: z.string(),
  engine: z.enum(['duckdb', 'spark']),
  stage: z.enum(['resolve', 'apply', 'rollup']),
  /** The first unit of its stage in its process: with Spark its code is not compiled yet. */
  first: z.boolean(),
  /** What the router knows of the unit: its load. */
  bytes: z.number(),
  volume: z.strictObject({
    units: z.number(),
    pieces: z.number(),
    readEntries: z.number(),
    writtenEntries: z.number(),
  }),
  held: z.strictObject({ flowingEntries: z.number(), heldEntries: z.number() }),
  wallSeconds: z.number(),
  cpuSeconds: z.number(),
  peakBytes: z.number(),
});

const sparkStart = z.strictObject({ wallSeconds: z.number(), cpuSeconds: z.number() });

/** A MERGE a month by Spark itself, without its start, beside the units of `apply` that did the same and more. */
const merge = z.strictObject({
  scenario: z.string(),
  wallSeconds: z.number(),
  cpuSeconds: z.number(),
  unitsWallSeconds: z.number(),
  unitsCpuSeconds: z.number(),
  /** Of the units of `resolve` before them, which find what changes and keep latest: no MERGE does that. */
  resolveWallSeconds: z.number(),
  resolveCpuSeconds: z.number(),
});

/** The least that Spark can do to the files of a scenario's units of `apply`, and these units, all of them done for the second time. */
const limit = z.strictObject({
  scenario: z.string(),
  kind: z.enum(limitKinds),
  wallSeconds: z.number(),
  cpuSeconds: z.number(),
  unitsWallSeconds: z.number(),
  unitsCpuSeconds: z.number(),
});

const measurements = z.strictObject({
  formatVersion: z.literal(3),
  /** Processes that waited for the cores, on average, when it began: wall times say little above 1 a core. */
  load: z.number(),
  cores: z.number(),
  units: z.array(engineUnit),
  /** Spark's start until it takes the first unit. */
  sparkStarts: z.array(sparkStart),
  merges: z.array(merge),
  limits: z.array(limit),
});

export type EngineUnit = z.output<typeof engineUnit>;
export type EngineLimit = z.output<typeof limit>;
export type SparkStart = z.output<typeof sparkStart>;
export type EngineMeasurements = z.output<typeof measurements>;

export async function readMeasurements(path = measurementsPath): Promise<EngineMeasurements> {
  return measurements.parse(JSON.parse(await readFile(path, 'utf8')));
}
