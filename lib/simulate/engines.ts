import type { GlueSettings } from '../config/spark.ts';
import { cellMemoryBytes, engineModel, type UnitVolume, unitCpuSeconds } from '../engine/engine-model.ts';
import { type Route, routeUnit } from '../run/route-unit.ts';
import { type SparkEstimate, sparkEstimate } from '../run/spark-capacity.ts';
import type { Assumptions } from './assumptions.ts';
import type { SummaryVolume } from './summary-volume.ts';

/** Which engine the units of `apply` would get, and what Spark on Glue would take for all of them. */
export interface SimulatedEngines {
  readonly route: Route;
  readonly spark: SparkEstimate;
  /** Of all units, of one core, by the fitted model. */
  readonly cpuSeconds: { readonly duckdb: number; readonly spark: number };
}

interface EngineOptions {
  readonly assumed: Assumptions;
  /** Array entries and other columns of a row. */
  readonly entries: number;
  readonly job: GlueSettings;
}

/** Lambda's, with room for a unit that takes twice as long as reckoned. */
const functionSeconds = 450;
const diskShare = 0.6;

/** Every file counts as a cell, with as many changed rows as the most changed month has. */
export function simulateEngines(volume: SummaryVolume, options: EngineOptions): SimulatedEngines {
  const { assumed, entries, job } = options;
  const { work, touchedBytes, touchedRows, buckets, touched } = volume;
  const model = engineModel();
  const all: UnitVolume = {
    units: Math.max(1, work.units - buckets),
    cells: Math.max(1, Math.ceil(touchedBytes / assumed.fileBytes)),
    readEntries: touchedRows * entries,
    writtenEntries: (work.copiedRows + work.changedRows) * entries,
  };
  const rows = assumed.fileBytes / assumed.rowBytes;
  const changedRows = rows * Math.max(0, ...touched.map(({ changedFraction }) => changedFraction));
  const isCopied = touched.some(({ mode }) => mode === 'copy-on-write');
  const writtenRows = isCopied ? rows : changedRows;
  const cores = assumed.memoryGb / assumed.memoryPerCoreGb;
  const cell = { units: 1, cells: 1, readEntries: rows * entries, writtenEntries: writtenRows * entries };
  const route = routeUnit(
    { engine: 'auto', sparkAbove: undefined },
    {
      bytes: assumed.unitBytes,
      memoryBytes: cellMemoryBytes(model, { entries, changedRows, writtenRows }),
      pieceSeconds: unitCpuSeconds(model.duckdb, cell),
      diskBytes: assumed.unitBytes * (1 + writtenRows / rows),
    },
    {
      memoryBytes: assumed.memoryGb * 1e9,
      seconds: functionSeconds * cores * assumed.coreSpeed,
      diskBytes: assumed.diskGb * 1e9 * diskShare,
    },
  );
  return {
    route,
    spark: sparkEstimate(model, { volume: all, bytes: touchedBytes, job }),
    cpuSeconds: { duckdb: unitCpuSeconds(model.duckdb, all), spark: unitCpuSeconds(model.spark, all) },
  };
}
