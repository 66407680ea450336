import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CellVolume, CpuModel, EngineModel } from '../lib/engine/engine-model.ts';
import { type EngineMeasurements, type EngineUnit, readMeasurements } from './engine-measurements.ts';
import { reportEngines } from './engine-report.ts';
import { fitNonNegative } from './non-negative.ts';

/** Makes the router's model of the measurements: `npm exec -- node bench/fit-engines.ts [measurements.json]`. */

const modelPath = fileURLToPath(new URL('../lib/engine/engine-model.json', import.meta.url));

export function fitModel(measured: EngineMeasurements): EngineModel {
  const of = (engine: EngineUnit['engine']) => measured.units.filter((unit) => unit.engine === engine);
  const duckdb = of('duckdb');
  const spark = of('spark');
  const [baseBytes = 0, writing = 0, changed = 0] = fitNonNegative(
    duckdb.map((unit) => {
      const cell = largestCell(unit);
      const inFlight = Math.min(10_240, cell.writtenRows);
      return {
        features: [1, cell.entries * inFlight, cell.entries * cell.changedRows],
        target: unit.peakBytes,
      };
    }),
  );
  const sparkFit = fitCpu(spark);
  return {
    formatVersion: 1,
    madeBy: 'bench/fit-engines.ts',
    duckdb: {
      cpu: fitCpu(duckdb.map((unit) => ({ ...unit, first: false }))).cpu,
      memory: {
        baseBytes: Math.round(baseBytes),
        writingEntryBytes: rounded(writing),
        changedEntryBytes: rounded(changed),
      },
    },
    spark: {
      cpu: sparkFit.cpu,
      startSeconds: rounded(median(measured.sparkStarts.map(({ cpuSeconds }) => cpuSeconds))),
      warmUpSeconds: sparkFit.warmUpSeconds,
      byteSeconds: rounded(
        median(spark.filter(({ first }) => !first).map(({ cpuSeconds, bytes }) => cpuSeconds / bytes)),
      ),
    },
  };
}

/** The unit's largest cell, as far as its rows change evenly. */
export function largestCell(unit: EngineUnit): CellVolume {
  const share = unit.largestGroupRows / unit.rows;
  return {
    entries: unit.entries,
    changedRows: unit.changedRows * share,
    writtenRows: unit.writtenRows * share,
  };
}

function fitCpu(units: readonly EngineUnit[]): { readonly cpu: CpuModel; readonly warmUpSeconds: number } {
  const [first = 0, unit = 0, cell = 0, read = 0, written = 0] = fitNonNegative(
    units.map((one) => ({
      features: [
        one.first ? 1 : 0,
        1,
        one.groups,
        (one.rows * one.entries) / 1e6,
        (one.writtenRows * one.entries) / 1e6,
      ],
      target: one.cpuSeconds,
    })),
  );
  return {
    cpu: {
      unitSeconds: rounded(unit),
      cellSeconds: rounded(cell),
      readSeconds: rounded(read),
      writtenSeconds: rounded(written),
    },
    warmUpSeconds: rounded(first),
  };
}

export function median(values: readonly number[]): number {
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const measured = await readMeasurements(process.argv[2]);
  const model = fitModel(measured);
  writeFileSync(modelPath, `${JSON.stringify(model, null, 2)}\n`);
  reportEngines(measured, model);
}
