import { z } from 'zod';
import stored from './engine-model.json' with { type: 'json' };

/**
 * What a unit takes by each engine. The numbers are data, fitted by `bench/fit-engines.ts` on what
 * `npm run bench -- engines` measured on a small machine: CPU seconds of its cores, Spark's with local[2]. That says nothing of
 * shuffles over a network, of S3, of how a cluster starts and grows.
 */

const seconds = z.number().min(0);

const cpu = z.strictObject({
  /** Of every unit. */
  unitSeconds: seconds,
  /** Of every cell, a bucket of a month: Spark makes a part of its statements for each. */
  cellSeconds: seconds,
  /** Of a million entries (array entries and other columns) of rows that the unit looks at. */
  readSeconds: seconds,
  /** Of a million entries of rows that it writes. */
  writtenSeconds: seconds,
});

const schema = z.strictObject({
  formatVersion: z.literal(1),
  madeBy: z.string(),
  duckdb: z.strictObject({
    cpu,
    /** Resident, of a process with one session of one thread. */
    memory: z.strictObject({
      baseBytes: z.number().min(0),
      /** Of each entry of the rows that are on their way into a file: a row group at most. */
      writingEntryBytes: z.number().min(0),
      /** Of each entry of the rows that change in the unit's largest cell. */
      changedEntryBytes: z.number().min(0),
    }),
  }),
  spark: z.strictObject({
    cpu,
    /** Of a run: until the first unit begins, and what that one takes more since nothing is compiled yet. */
    startSeconds: seconds,
    warmUpSeconds: seconds,
    /** Of a byte that a unit opens, all in all: for grouping units of which nothing else is known. */
    byteSeconds: seconds,
  }),
});

export type EngineModel = z.output<typeof schema>;
export type CpuModel = z.output<typeof cpu>;

/** What the model reckons with, of one unit or of many. */
export interface UnitVolume {
  readonly units: number;
  readonly cells: number;
  /** Rows that are looked at, times the entries of a row. */
  readonly readEntries: number;
  readonly writtenEntries: number;
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

/** Of one core, whatever the number that share it; Spark's start is not in it. */
export function unitCpuSeconds({ cpu }: { readonly cpu: CpuModel }, volume: UnitVolume): number {
  return (
    volume.units * cpu.unitSeconds +
    volume.cells * cpu.cellSeconds +
    (volume.readEntries / 1e6) * cpu.readSeconds +
    (volume.writtenEntries / 1e6) * cpu.writtenSeconds
  );
}

export interface CellVolume {
  /** Of a row. */
  readonly entries: number;
  readonly changedRows: number;
  readonly writtenRows: number;
}

const rowGroupRows = 10_240;

/** Resident bytes that DuckDB wants for a cell. */
export function cellMemoryBytes(
  { duckdb: { memory } }: Pick<EngineModel, 'duckdb'>,
  cell: CellVolume,
): number {
  const writing = Math.min(rowGroupRows, cell.writtenRows);
  return (
    memory.baseBytes +
    cell.entries * (writing * memory.writingEntryBytes + cell.changedRows * memory.changedEntryBytes)
  );
}
