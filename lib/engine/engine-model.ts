import { z } from 'zod';
import stored from './engine-model.json' with { type: 'json' };

/**
 * What a unit takes by each engine. The numbers are data, fitted by `bench/fit-engines.ts` on what
 * `npm run bench -- engines` measured on a small machine: CPU seconds of its cores, Spark's with local[2]. That says nothing of
 * shuffles over a network, of S3, of how a cluster starts and grows.
 */

const seconds = z.number().min(0);
const bytes = z.number().min(0);

const cpu = z.strictObject({
  /** Of every unit. */
  unitSeconds: seconds,
  /** Of every piece: a cell, a month, a resolution. Spark makes a part of its statements for each. */
  pieceSeconds: seconds,
  /** Of a million entries of rows that the unit looks at. */
  readSeconds: seconds,
  /** Of a million entries of rows that it writes. */
  writtenSeconds: seconds,
});

/** Resident, of a process with one session of one thread. */
const memory = z.strictObject({
  baseBytes: bytes,
  /** Of each entry of the rows that are on their way into a file: a row group at most. */
  flowingEntryBytes: bytes,
  /** Of each entry of the rows that are held at once. */
  heldEntryBytes: bytes,
});

const stage = z.strictObject({
  duckdb: z.strictObject({ cpu, memory }),
  spark: z.strictObject({
    cpu,
    /** What the first unit of a run takes more, since nothing is loaded or compiled yet. */
    warmUpSeconds: seconds,
  }),
});

const schema = z.strictObject({
  formatVersion: z.literal(2),
  madeBy: z.string(),
  stages: z.strictObject({ resolve: stage, apply: stage, rollup: stage }),
  spark: z.strictObject({
    /** Of a run, until its first unit begins. */
    startSeconds: seconds,
    /** Of a byte that a unit opens, all in all: for units of which nothing else is known. */
    byteSeconds: seconds,
  }),
});

export type EngineModel = z.output<typeof schema>;
export type CpuModel = z.output<typeof cpu>;
export type MemoryModel = z.output<typeof memory>;
/** Stages whose units the model knows. */
export type ModelledStage = keyof EngineModel['stages'];

export const modelledStages: readonly ModelledStage[] = ['resolve', 'apply', 'rollup'];

/** What the model reckons with, of one unit or of many of a stage. An entry is a value of a row: a scalar, or one of an array. */
export interface UnitVolume {
  readonly units: number;
  readonly pieces: number;
  /** Rows that are looked at, times the entries of a row. */
  readonly readEntries: number;
  readonly writtenEntries: number;
}

/** Entries that are in memory at once. */
export interface HeldVolume {
  /** Of the rows on their way into a file. */
  readonly flowingEntries: number;
  readonly heldEntries: number;
}

let model: EngineModel | undefined;

/** The model that is stored beside this code. Imported, so that a bundle has it. */
export function engineModel(): EngineModel {
  model ??= schema.parse(stored);
  return model;
}

export function parseEngineModel(text: string): EngineModel {
  return schema.parse(JSON.parse(text));
}

/** Of one core, whatever the number that share it; Spark's start and warming up are not in it. */
export function unitCpuSeconds({ cpu }: { readonly cpu: CpuModel }, volume: UnitVolume): number {
  return (
    volume.units * cpu.unitSeconds +
    volume.pieces * cpu.pieceSeconds +
    (volume.readEntries / 1e6) * cpu.readSeconds +
    (volume.writtenEntries / 1e6) * cpu.writtenSeconds
  );
}

/** Bytes that DuckDB wants for so much, besides those that a process has anyway. */
export function heldBytes(memory: MemoryModel, { flowingEntries, heldEntries }: HeldVolume): number {
  return flowingEntries * memory.flowingEntryBytes + heldEntries * memory.heldEntryBytes;
}

export function addVolumes(volumes: readonly UnitVolume[]): UnitVolume {
  return volumes.reduce(
    (sum, one) => ({
      units: sum.units + one.units,
      pieces: sum.pieces + one.pieces,
      readEntries: sum.readEntries + one.readEntries,
      writtenEntries: sum.writtenEntries + one.writtenEntries,
    }),
    { units: 0, pieces: 0, readEntries: 0, writtenEntries: 0 },
  );
}
