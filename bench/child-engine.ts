import { readdir, rm } from 'node:fs/promises';
import { parsePipeline } from '../lib/config/index.ts';
import { type ModelledStage, modelledStages } from '../lib/engine/engine-model.ts';
import type { SparkRunner, SparkTask } from '../lib/engine/spark.ts';
import { openSparkProcess } from '../lib/engine/spark-process.ts';
import { type LocalWorld, openLocalWorld, type RunOptions, runPipeline } from '../lib/run/local/local.ts';
import { readSpecification, stageItems } from '../lib/run/units/stages.ts';
import type { World } from '../lib/run/workload.ts';
import { workloadOf } from '../lib/run/workloads.ts';
import { copyRoot } from './base.ts';
import { keepPart } from './engine-kept.ts';
import { checkLimit, type LimitKind, limitKinds, limitOf } from './engine-limit.ts';
import type { EngineLimit, EngineUnit } from './engine-measurements.ts';
import { reportUsage } from './measure.ts';
import { cpuSecondsOf, descendants, forgetPeak, peakBytesOf } from './process-usage.ts';

/** Runs in a process of their own, one after the other, their units measured one by one: what they are, and what they used. */

export interface EngineRun {
  readonly scenario: string;
  readonly root: string;
  /** What is there before; nothing when absent. */
  readonly base?: string;
  readonly yaml: string;
  /** One run of the pipeline each. */
  readonly batches: readonly Pick<RunOptions, 'paths' | 'arrivedMs' | 'untilMs'>[];
  /** Whether Spark also does the least there is to do to the files of each unit of `apply`. */
  readonly hasLimits?: boolean;
}

interface Argument {
  readonly runs: readonly EngineRun[];
  readonly spark?: {
    readonly pythonPath: string;
    readonly jars: string;
    readonly threads: number;
    readonly memoryBytes: number;
  };
}

interface Used {
  wallSeconds: number;
  cpuSeconds: number;
  peakBytes: number;
}

const started = Date.now();
const argument = JSON.parse(process.argv[2] ?? '{}') as Argument;
const used = new Map<string, Used>();

/** Measures some processes while something runs, and adds it to the unit's. */
function begin(pids: readonly number[]): (unit: string) => void {
  forgetPeak(pids);
  const wall = performance.now();
  const cpu = cpuSecondsOf(pids);
  return (unit) => {
    const before = used.get(unit) ?? { wallSeconds: 0, cpuSeconds: 0, peakBytes: 0 };
    used.set(unit, {
      wallSeconds: before.wallSeconds + (performance.now() - wall) / 1_000,
      cpuSeconds: before.cpuSeconds + cpuSecondsOf(pids) - cpu,
      peakBytes: Math.max(before.peakBytes, peakBytesOf(pids)),
    });
  };
}

function isModelled(stage: string): stage is ModelledStage {
  return (modelledStages as readonly string[]).includes(stage);
}

/** Units run one after the other here, so one measurement is under way at a time. */
function measured<Place extends World>(world: Place): Place {
  let end: ((unit: string) => void) | undefined;
  const { state } = world;
  const { checkpoints } = state;
  return {
    ...world,
    state: {
      ...state,
      checkpoints: {
        ...checkpoints,
        note: async (note) => {
          if (!isModelled(note.stage)) return checkpoints.note(note);
          if (note.endedMs === undefined) end = begin([process.pid]);
          else end?.(`${note.stage}/${note.unit}`);
          await checkpoints.note(note);
        },
      },
    },
  };
}

/** Spark's processes, each unit of a list by itself. The first one begins with nothing loaded and nothing compiled. */
async function measuredSpark({ pythonPath, jars, threads, memoryBytes }: NonNullable<Argument['spark']>) {
  const names = await readdir(jars);
  const jarPaths = names.filter((name) => name.endsWith('.jar')).map((name) => `${jars}/${name}`);
  const process = openSparkProcess({ pythonPath, jarPaths, threads, memoryBytes });
  const signal = AbortSignal.timeout(600_000);
  const wall = performance.now();
  await process.run([], { signal });
  const pids = descendants();
  const start = { wallSeconds: (performance.now() - wall) / 1_000, cpuSeconds: cpuSecondsOf(pids) };
  const runnerOf = ({ hasLimits }: EngineRun): SparkRunner => ({
    run: async (tasks, options) => {
      const measure = async (task: SparkTask, name: string) => {
        const end = begin(pids);
        await process.run([task], options);
        end(name);
      };
      for (const task of tasks) {
        const [, stage, unit] = /\/([^/]+)\/([^/]+)-a\d+-[0-9a-f]+\.specification\.json$/.exec(
          task.specification,
        ) ?? ['', '', ''];
        await measure(task, `${stage}/${unit}`);
        if (hasLimits !== true || stage !== 'apply') continue;
        const { kind, task: limit } = await limitOf(task);
        await process.run([limit], options);
        await checkLimit(limit);
        // Both once more, now that the code of both is compiled.
        await measure(task, unitAgain(kind));
        await measure(limit, limitItself(kind));
      }
    },
  });
  return { runnerOf, start, end: () => process[Symbol.asyncDispose]() };
}

const unitAgain = (kind: LimitKind) => `again/${kind}`;
const limitItself = (kind: LimitKind) => `limit/${kind}`;

/** What was measured of the limits of the run's units, a sum for each kind. */
function limitsOf(scenario: string): readonly EngineLimit[] {
  return limitKinds.flatMap((kind) => {
    const units = used.get(unitAgain(kind));
    const limit = used.get(limitItself(kind));
    if (units === undefined || limit === undefined) return [];
    return [
      {
        scenario,
        kind,
        wallSeconds: limit.wallSeconds,
        cpuSeconds: limit.cpuSeconds,
        unitsWallSeconds: units.wallSeconds,
        unitsCpuSeconds: units.cpuSeconds,
      },
    ];
  });
}

/** Where Spark is let in and nothing is given to it. */
const idle: SparkRunner = {
  run: async () => {
    throw new Error('a unit of DuckDB’s went to Spark');
  },
};

const spark = argument.spark === undefined ? undefined : await measuredSpark(argument.spark);
const met = new Set<ModelledStage>();

async function measureUnits(world: LocalWorld, run: EngineRun): Promise<readonly EngineUnit[]> {
  const config = await parsePipeline(run.yaml, 'bench.yaml');
  const units: EngineUnit[] = [];
  for (const batch of run.batches) {
    used.clear();
    const ended = await runPipeline({ world: measured(world), config, ...batch });
    if (ended.run?.status !== 'succeeded')
      throw new Error(`the run ended as ${ended.run?.status}: ${JSON.stringify(ended.run?.error)}`);
    for (const { name, items } of ended.plan?.stages ?? []) {
      if (!isModelled(name)) continue;
      for await (const item of stageItems(world.results, items)) {
        const specification = await readSpecification(world.results, item);
        const load = workloadOf(config).loadOf?.(config, specification, 0);
        const measurement = used.get(`${name}/${item.unit}`);
        if (load === undefined || measurement === undefined) throw new Error(`${item.unit} was not measured`);
        units.push({
          scenario: run.scenario,
          engine: spark === undefined ? 'duckdb' : 'spark',
          stage: name,
          first: !met.has(name),
          bytes: load.bytes,
          volume: load.volume,
          held: load.piece.held,
          ...measurement,
        });
        met.add(name);
      }
    }
  }
  return units;
}

for (const [index, run] of argument.runs.entries()) {
  if (run.base === undefined) await rm(run.root, { recursive: true, force: true });
  else await copyRoot(run.base, run.root);
  await using world = await openLocalWorld({
    root: run.root,
    threads: 1,
    spark: spark === undefined ? idle : spark.runnerOf(run),
  });
  const units = await measureUnits(world, run);
  const kind = spark === undefined ? 'duckdb' : 'spark';
  await keepPart(run.scenario, kind, {
    units,
    limits: limitsOf(run.scenario),
    starts: spark === undefined || index > 0 ? [] : [spark.start],
  });
  const cpu = units.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  console.error(
    `${kind}, ${index + 1} of ${argument.runs.length}: ${run.scenario}: ${cpu.toFixed(1)} CPU s in ${units.length} units, ${((Date.now() - started) / 1e3).toFixed(0)} s`,
  );
}
await spark?.end();
reportUsage(started);
