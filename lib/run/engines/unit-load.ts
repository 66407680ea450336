import type { PipelineConfig } from '../../config/schema.ts';
import { parseByteSize, parseDurationMs } from '../../config/sizes.ts';
import {
  type EngineModel,
  engineModel,
  type HeldVolume,
  heldBytes,
  type ModelledStage,
  type UnitVolume,
  unitCpuSeconds,
} from '../../engine/engine-model.ts';
import { engineMemoryBytes } from '../context.ts';
import type { SparkWork } from '../spark/capacity.ts';
import type { RunContext } from '../workload.ts';
import type { UnitNeeds, UnitRoom } from './route-unit.ts';

/** What a unit is, as far as its plan tells, in the terms of the engines' model: the same ones for the units of all stages. */
export interface UnitLoad {
  readonly stage: ModelledStage;
  /** Of the files that it opens. */
  readonly bytes: number;
  readonly volume: UnitVolume;
  /** The largest of its pieces that a function has to finish. */
  readonly piece: {
    readonly volume: UnitVolume;
    readonly held: HeldVolume;
    /** For people. @example 'a cell' */
    readonly name: string;
  };
  /** Its engine does with less memory, by way of the disk. */
  readonly spills: boolean;
  /** Fetched files, what is spilled, and what is written until it is sent. */
  readonly diskBytes: number;
}

/** So that a unit that takes twice as long as reckoned still ends in its function. */
const timeShare = 0.5;
/** Spill and the engine's own files take the rest. */
const diskShare = 0.6;
/** One core of a function comes with so many bytes of its memory. */
export const bytesPerCore = 1_769 * 2 ** 20;

/** What a unit wants by DuckDB. */
export function needsOf(load: UnitLoad, model: EngineModel = engineModel()): UnitNeeds {
  const { duckdb } = model.stages[load.stage];
  return {
    bytes: load.bytes,
    piece: load.piece.name,
    memoryBytes: load.spills ? 0 : heldBytes(duckdb.memory, load.piece.held),
    pieceSeconds: unitCpuSeconds(duckdb, load.piece.volume),
    diskBytes: load.diskBytes,
  };
}

/** CPU seconds that the units take by an engine, of one core. */
export function coreSeconds(
  loads: readonly Pick<UnitLoad, 'stage' | 'volume'>[],
  engine: 'duckdb' | 'spark',
  model: EngineModel = engineModel(),
): number {
  return loads.reduce(
    (sum, { stage, volume }) => sum + unitCpuSeconds(model.stages[stage][engine], volume),
    0,
  );
}

/** For a unit; undefined where none can be Spark's. */
export function roomFor<Config extends PipelineConfig>(
  context: Pick<RunContext<Config>, 'world' | 'config'>,
): UnitRoom | undefined {
  const { world, config } = context;
  if (world.spark === undefined) return undefined;
  if (world.spark !== 'glue') {
    return {
      // Units side by side share it; one that runs out spills, then tries with less at once, so the share is no limit.
      memoryBytes: engineMemoryBytes(context),
      seconds: Number.POSITIVE_INFINITY,
      diskBytes: Number.POSITIVE_INFINITY,
    };
  }
  const memory = parseByteSize(config.aws.memory);
  // The function that plans is another one, with a memory of its own.
  const resources = { ...world.resources, memoryBytes: memory };
  return {
    memoryBytes: engineMemoryBytes({ world: { ...world, resources }, config }),
    seconds:
      (parseDurationMs(config.aws.unitTimeout) / 1_000) * timeShare * Math.max(1, memory / bytesPerCore),
    diskBytes: parseByteSize(config.aws.disk) * diskShare,
  };
}

/** What a unit is to a run of Spark; kept with the compiled unit. */
export interface SparkLoad {
  /** CPU seconds of one core. */
  readonly coreSeconds: number;
  /** Of a worker's memory, for the largest piece. */
  readonly pieceBytes: number;
}

/** Bytes of an entry of rows that Spark shuffles and writes: once on its way in, once out. */
const sparkEntryBytes = 16;

export function sparkLoadOf(load: UnitLoad, model: EngineModel = engineModel()): SparkLoad {
  const { volume, held } = load.piece;
  return {
    coreSeconds: coreSeconds([load], 'spark', model),
    pieceBytes: sparkEntryBytes * Math.max(volume.writtenEntries, held.heldEntries),
  };
}

/** Of all units of Spark's as one piece of work. */
export function sparkWorkOf(loads: readonly UnitLoad[], model: EngineModel = engineModel()): SparkWork {
  return {
    units: loads.length,
    coreSeconds: coreSeconds(loads, 'spark', model),
    warmUpSeconds: Math.max(0, ...new Set(loads.map(({ stage }) => model.stages[stage].spark.warmUpSeconds))),
    pieceBytes: loads.reduce((most, load) => Math.max(most, sparkLoadOf(load, model).pieceBytes), 0),
  };
}
