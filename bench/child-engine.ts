import { readdir } from 'node:fs/promises';
import { parsePipeline } from '../lib/config/index.ts';
import type { SparkRunner } from '../lib/engine/spark.ts';
import { openSparkProcess } from '../lib/engine/spark-process.ts';
import { openLocalWorld, runPipeline } from '../lib/run/local.ts';
import { readSpecification, stageItems } from '../lib/run/stages.ts';
import type { World } from '../lib/run/workload.ts';
import { groupBytes } from '../lib/summary/plan-groups.ts';
import type { ApplySpec } from '../lib/summary/types.ts';
import type { EngineUnit } from './engine-measurements.ts';
import { reportUsage } from './measure.ts';
import { cpuSecondsOf, descendants, forgetPeak, peakBytesOf } from './process-usage.ts';

/** One run in a process of its own, its units of `apply` measured one by one: what they are, and what they used. */

interface Argument {
  readonly root: string;
  readonly yaml: string;
  readonly batch: string;
  /** Entries of all arrays of a row, and its other columns. */
  readonly entries: number;
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
          if (note.stage === 'apply' && note.endedMs === undefined) end = begin([process.pid]);
          else if (note.stage === 'apply') end?.(note.unit);
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
  const runner: SparkRunner = {
    run: async (tasks, options) => {
      for (const task of tasks) {
        const end = begin(pids);
        await process.run([task], options);
        end(
          /\/([^/]+)-a\d+-[0-9a-f]+\.specification\.json$/.exec(task.specification)?.[1] ??
            task.specification,
        );
      }
    },
  };
  return { runner, start, end: () => process[Symbol.asyncDispose]() };
}

const spark = argument.spark === undefined ? undefined : await measuredSpark(argument.spark);
const units: EngineUnit[] = [];
{
  await using world = await openLocalWorld({
    root: argument.root,
    threads: 1,
    ...(spark === undefined ? {} : { spark: spark.runner }),
  });
  const config = await parsePipeline(argument.yaml, 'bench.yaml');
  const { run, plan } = await runPipeline({ world: measured(world), config, paths: [argument.batch] });
  if (run?.status !== 'succeeded')
    throw new Error(`the run ended as ${run?.status}: ${JSON.stringify(run?.error)}`);
  const items = plan?.stages.find(({ name }) => name === 'apply')?.items ?? '';
  for await (const item of stageItems(world.results, items)) {
    const { groups } = (await readSpecification(world.results, item)) as ApplySpec;
    const sum = (of: (group: ApplySpec['groups'][number]) => number) =>
      groups.reduce((total, one) => total + of(one), 0);
    const rowsOf = (group: ApplySpec['groups'][number]) =>
      group.files.reduce((rows, file) => rows + file.rows, 0);
    const copied = (group: ApplySpec['groups'][number]) => group.mode === 'copy-on-write';
    const measurement = used.get(item.unit);
    if (measurement === undefined) throw new Error(`${item.unit} was not measured`);
    units.push({
      engine: spark === undefined ? 'duckdb' : 'spark',
      first: units.length === 0,
      bytes: sum(groupBytes),
      rows: sum(rowsOf),
      entries: argument.entries,
      groups: groups.length,
      changedRows: sum(({ expectedRows }) => expectedRows),
      writtenRows: sum((group) => (copied(group) ? rowsOf(group) : group.expectedRows)),
      largestGroupRows: Math.max(...groups.map(rowsOf)),
      ...measurement,
    });
  }
}
await spark?.end();
reportUsage(started, { units, start: spark?.start });
