import {
  type EngineModel,
  heldBytes,
  type ModelledStage,
  modelledStages,
  unitCpuSeconds,
} from '../lib/engine/engine-model.ts';
import type { EngineMeasurements, EngineUnit } from './engine-measurements.ts';
import { fitModel, median } from './fit-model.ts';
import { mega } from './measure.ts';

/**
 * Prints what was measured beside what is predicted of it, the crossover, and the old way. Each scenario is predicted by a model of all the
 * others, which has not seen it.
 */
export function reportEngines(measured: EngineMeasurements): void {
  const { load, cores, units, sparkStarts, merges, limits } = measured;
  console.log(
    `\n${units.length} units on ${cores} cores; up to ${load.toFixed(1)} processes wanted them${load > 1.5 ? ': wall times say little' : ''}\n`,
  );
  const predictions = outOfSample(measured);
  line([
    'scenario',
    'engine',
    'stage',
    'pieces',
    'M read',
    'M written',
    'wall s',
    'CPU s',
    'predicted',
    'peak MB',
    'predicted',
  ]);
  line(['---', '---', '---', ...Array.from({ length: 8 }, () => '--:')]);
  for (const prediction of predictions) line(cellsOf(prediction));
  console.log('');
  for (const stage of modelledStages) errorLines(stage, predictions);
  const starts = median(sparkStarts.map(({ cpuSeconds }) => cpuSeconds));
  console.log(`Spark's start: ${starts.toFixed(1)} CPU s, before any unit\n`);
  const model = fitModel(measured);
  for (const stage of modelledStages)
    if (units.some((unit) => unit.stage === stage)) console.log(crossover(stage, model));
  for (const merge of merges) {
    const ratio = merge.cpuSeconds / merge.unitsCpuSeconds;
    console.log(
      `${merge.scenario}: a MERGE a month ${merge.cpuSeconds.toFixed(1)} CPU s (${merge.wallSeconds.toFixed(1)} s), our units of apply by Spark ${merge.unitsCpuSeconds.toFixed(1)} CPU s (${merge.unitsWallSeconds.toFixed(1)} s): ${ratio.toFixed(1)} times as much CPU, both without Spark's start; resolve before it ${merge.resolveCpuSeconds.toFixed(1)} CPU s (${merge.resolveWallSeconds.toFixed(1)} s)`,
    );
  }
  for (const limit of limits) {
    const [cpu, wall] = [
      limit.unitsCpuSeconds / limit.cpuSeconds,
      limit.unitsWallSeconds / limit.wallSeconds,
    ];
    console.log(
      `${limit.scenario}: a plain ${limit.kind} of the files by Spark ${limit.cpuSeconds.toFixed(1)} CPU s (${limit.wallSeconds.toFixed(1)} s), our units of apply, done once more, ${limit.unitsCpuSeconds.toFixed(1)} CPU s (${limit.unitsWallSeconds.toFixed(1)} s): ${cpu.toFixed(2)} times the limit (${wall.toFixed(2)})`,
    );
  }
}

interface Prediction {
  readonly unit: EngineUnit;
  readonly seconds: number;
  readonly bytes: number;
}

function outOfSample(measured: EngineMeasurements): readonly Prediction[] {
  return [...Map.groupBy(measured.units, ({ scenario }) => scenario)].flatMap(([scenario, some]) => {
    const others = measured.units.filter((unit) => unit.scenario !== scenario);
    const model = fitModel({ ...measured, units: others });
    return some.map((unit) => ({ unit, ...predict(model, unit) }));
  });
}

function predict(model: EngineModel, { engine, stage, first, volume, held }: EngineUnit) {
  const { duckdb, spark } = model.stages[stage];
  const warmUp = engine === 'spark' && first ? spark.warmUpSeconds : 0;
  return {
    seconds: unitCpuSeconds(engine === 'spark' ? spark : duckdb, volume) + warmUp,
    bytes: duckdb.memory.baseBytes + heldBytes(duckdb.memory, held),
  };
}

function cellsOf({ unit, seconds, bytes }: Prediction): readonly string[] {
  const { volume } = unit;
  return [
    unit.scenario,
    `${unit.engine}${unit.engine === 'spark' && unit.first ? ', first' : ''}`,
    unit.stage,
    String(volume.pieces),
    (volume.readEntries / 1e6).toFixed(2),
    (volume.writtenEntries / 1e6).toFixed(2),
    unit.wallSeconds.toFixed(1),
    unit.cpuSeconds.toFixed(2),
    seconds.toFixed(2),
    mega(unit.peakBytes),
    unit.engine === 'duckdb' ? mega(bytes) : '-',
  ];
}

function errorLines(stage: ModelledStage, predictions: readonly Prediction[]): void {
  for (const engine of ['duckdb', 'spark'] as const) {
    // The first unit of a process is its warming up, of which there is one only: nothing to predict it by.
    const some = predictions.filter(
      ({ unit }) => unit.stage === stage && unit.engine === engine && !(engine === 'spark' && unit.first),
    );
    if (some.length === 0) continue;
    const time = some.map(({ unit, seconds }) => Math.abs(seconds / Math.max(0.01, unit.cpuSeconds) - 1));
    const memory = some.map(({ unit, bytes }) => Math.abs(bytes / unit.peakBytes - 1));
    console.log(
      `${stage} by ${engine}: median error out of sample of CPU time ${percent(median(time))}${engine === 'duckdb' ? `, of memory ${percent(median(memory))}` : ''} over ${some.length} units`,
    );
  }
}

/** Entries that are rewritten in one run of Spark from which on it takes less CPU time than DuckDB, if there are any. */
function crossover(stage: ModelledStage, { stages, spark }: EngineModel): string {
  const { duckdb: ours, spark: theirs } = stages[stage];
  const each = ({ cpu }: Pick<typeof theirs, 'cpu'>) => cpu.readSeconds + cpu.writtenSeconds;
  const [mine, its] = [each(ours), each(theirs)];
  if (its >= mine)
    return `${stage}: no crossover by CPU time: a million entries read and written take DuckDB ${mine.toFixed(3)} s and Spark ${its.toFixed(3)} s of a core`;
  const million = (spark.startSeconds + theirs.warmUpSeconds) / (mine - its);
  return `${stage}: crossover by CPU time at ${Math.round(million).toLocaleString('en')} million entries in a run of Spark`;
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);
