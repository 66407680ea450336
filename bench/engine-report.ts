import { cellMemoryBytes, type EngineModel, unitCpuSeconds } from '../lib/engine/engine-model.ts';
import type { EngineMeasurements, EngineUnit } from './engine-measurements.ts';
import { largestCell, median } from './fit-engines.ts';
import { mega } from './measure.ts';

/** Prints what was measured beside what the model says of the same units, the crossover, and the old way. */
export function reportEngines(measured: EngineMeasurements, model: EngineModel): void {
  const { load, cores, units, sparkStarts, merges } = measured;
  console.log(
    `\n${units.length} units on ${cores} cores; ${load.toFixed(1)} processes wanted them when it began${load > 1 ? ': wall times say little' : ''}\n`,
  );
  line(['engine', 'cells', 'rows', 'entries', 'written', 'wall s', 'CPU s', 'model', 'peak MB', 'model']);
  line(['---', ...Array.from({ length: 9 }, () => '--:')]);
  for (const unit of units) line(cellsOf(unit, model));
  for (const engine of ['duckdb', 'spark'] as const) {
    const some = units.filter((unit) => unit.engine === engine);
    const time = some.map((unit) => Math.abs(predictedSeconds(model, unit) / unit.cpuSeconds - 1));
    const memory = some.map((unit) => Math.abs(predictedBytes(model, unit) / unit.peakBytes - 1));
    console.log(
      `\n${engine}: median error of CPU time ${percent(median(time))}${engine === 'duckdb' ? `, of memory ${percent(median(memory))}` : ''} over ${some.length} units`,
    );
  }
  const starts = median(sparkStarts.map(({ cpuSeconds }) => cpuSeconds));
  console.log(`Spark's start: ${starts.toFixed(1)} CPU s, before any unit\n`);
  console.log(crossover(model));
  for (const merge of merges) {
    const ratio = merge.cpuSeconds / merge.unitsCpuSeconds;
    console.log(
      `${merge.scenario}: a MERGE a month ${merge.cpuSeconds.toFixed(1)} CPU s (${merge.wallSeconds.toFixed(1)} s), our units by Spark ${merge.unitsCpuSeconds.toFixed(1)} CPU s (${merge.unitsWallSeconds.toFixed(1)} s): ${ratio.toFixed(1)} times as much CPU, both without Spark's start`,
    );
  }
}

function cellsOf(unit: EngineUnit, model: EngineModel): readonly string[] {
  return [
    `${unit.engine}${unit.engine === 'spark' && unit.first ? ', first' : ''}`,
    String(unit.groups),
    unit.rows.toLocaleString('en'),
    String(unit.entries),
    unit.writtenRows.toLocaleString('en'),
    unit.wallSeconds.toFixed(1),
    unit.cpuSeconds.toFixed(2),
    predictedSeconds(model, unit).toFixed(2),
    mega(unit.peakBytes),
    unit.engine === 'duckdb' ? mega(predictedBytes(model, unit)) : '-',
  ];
}

function predictedSeconds(model: EngineModel, unit: EngineUnit): number {
  const volume = {
    units: 1,
    cells: unit.groups,
    readEntries: unit.rows * unit.entries,
    writtenEntries: unit.writtenRows * unit.entries,
  };
  const warmUp = unit.engine === 'spark' && unit.first ? model.spark.warmUpSeconds : 0;
  return unitCpuSeconds(model[unit.engine], volume) + warmUp;
}

function predictedBytes(model: EngineModel, unit: EngineUnit): number {
  return cellMemoryBytes(model, largestCell(unit));
}

/** Entries that are rewritten in one run of Spark from which on it takes less CPU time than DuckDB, if there are any. */
function crossover({ duckdb, spark }: EngineModel): string {
  const each = ({ cpu }: EngineModel['duckdb' | 'spark']) => cpu.readSeconds + cpu.writtenSeconds;
  const [ours, theirs] = [each(duckdb), each(spark)];
  if (theirs >= ours)
    return `no crossover by CPU time: a million rewritten entries take DuckDB ${ours.toFixed(3)} s and Spark ${theirs.toFixed(3)} s of a core; Spark is for what does not fit a function`;
  const million = (spark.startSeconds + spark.warmUpSeconds) / (ours - theirs);
  return `crossover by CPU time at ${Math.round(million).toLocaleString('en')} million rewritten entries in a run of Spark`;
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);
