import type { CpuModel, EngineModel, MemoryModel, ModelledStage } from '../lib/engine/engine-model.ts';
import type { EngineMeasurements, EngineUnit } from './engine-measurements.ts';
import { fitNonNegative } from './non-negative.ts';

/** The router's model of what was measured. */
export function fitModel(measured: Pick<EngineMeasurements, 'units' | 'sparkStarts'>): EngineModel {
  const spark = measured.units.filter(({ engine, first }) => engine === 'spark' && !first);
  return {
    formatVersion: 2,
    madeBy: 'bench/fit-engines.ts',
    stages: {
      resolve: fitStage(measured.units, 'resolve'),
      apply: fitStage(measured.units, 'apply'),
      rollup: fitStage(measured.units, 'rollup'),
    },
    spark: {
      startSeconds: rounded(median(measured.sparkStarts.map(({ cpuSeconds }) => cpuSeconds))),
      byteSeconds: rounded(
        median(spark.filter(({ bytes }) => bytes > 0).map(({ cpuSeconds, bytes }) => cpuSeconds / bytes)),
      ),
    },
  };
}

/** Few scenarios differ in one thing only: what a constant explains about as well is taken for one. */
const slopes = 0.01;

function fitStage(units: readonly EngineUnit[], stage: ModelledStage): EngineModel['stages'][ModelledStage] {
  const of = (engine: EngineUnit['engine']) =>
    units.filter((unit) => unit.engine === engine && unit.stage === stage);
  const duckdb = of('duckdb');
  const spark = fitCpu(of('spark'));
  return {
    duckdb: { cpu: fitCpu(duckdb.map((unit) => ({ ...unit, first: false }))).cpu, memory: fitMemory(duckdb) },
    spark: { cpu: spark.cpu, warmUpSeconds: spark.warmUpSeconds },
  };
}

function fitMemory(units: readonly EngineUnit[]): MemoryModel {
  const [base = 0, flowing = 0, held = 0] = fitNonNegative(
    units.map((unit) => ({
      features: [1, unit.held.flowingEntries, unit.held.heldEntries],
      target: unit.peakBytes,
    })),
    [0, slopes, slopes],
  );
  return {
    baseBytes: Math.round(base),
    flowingEntryBytes: rounded(flowing),
    heldEntryBytes: rounded(held),
  };
}

function fitCpu(units: readonly EngineUnit[]): { readonly cpu: CpuModel; readonly warmUpSeconds: number } {
  const [first = 0, unit = 0, piece = 0, read = 0, written = 0] = fitNonNegative(
    units.map(({ first, volume, cpuSeconds }) => ({
      features: [
        first ? 1 : 0,
        volume.units,
        volume.pieces,
        volume.readEntries / 1e6,
        volume.writtenEntries / 1e6,
      ],
      // Linux counts in hundredths.
      target: Math.max(0.01, cpuSeconds),
    })),
    [0, 0, slopes, slopes, slopes],
  );
  return {
    cpu: {
      unitSeconds: rounded(unit),
      pieceSeconds: rounded(piece),
      readSeconds: rounded(read),
      writtenSeconds: rounded(written),
    },
    warmUpSeconds: rounded(first),
  };
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 0
    ? ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
    : (sorted[Math.floor(middle)] ?? 0);
}

/** To three digits, so that the file can be read. */
function rounded(value: number): number {
  return value < 1e-9 ? 0 : Number(value.toPrecision(3));
}
