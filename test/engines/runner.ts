import { readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { SparkOutcome, SparkReport, SparkRunner, SparkUnit } from '../../lib/engine/spark.ts';
import { openSparkProcess } from '../../lib/engine/spark-process.ts';
import { fileLocation } from '../../lib/stores/location.ts';
import { isSetUp, jarsFolder, pythonPath } from './setup.ts';

let running: SparkRunner | undefined;

/**
 * The runner of units under the real PySpark, set for units of few rows: one for all files of a worker, begun by the first unit.
 * It ends with the worker. @throws when the engines have not been set up
 */
export function sparkRunner(): SparkRunner {
  if (!isSetUp()) throw new Error('the engines are not set up: run `npm run test:engines`, which does it');
  running ??= openSparkProcess({
    workRoot: inject('spillFolder'),
    pythonPath,
    jarPaths: readdirSync(jarsFolder)
      .toSorted()
      .map((name) => join(jarsFolder, name)),
    threads: 2,
    memoryBytes: 1.5e9,
    settings: {
      'spark.sql.codegen.wholeStage': 'false',
      'spark.sql.codegen.factoryMode': 'NO_CODEGEN',
      'spark.sql.adaptive.enabled': 'false',
      // A sort takes a page at least, by default tens of MB: with a small heap a full collection each time.
      'spark.buffer.pageSize': '1m',
      'spark.sql.shuffle.partitions': '1',
      'spark.default.parallelism': '1',
    },
  });
  return running;
}

interface UnitsOptions {
  /** Where specifications and reports go. */
  readonly folder: string;
  readonly signal?: AbortSignal;
}

/** Runs units as one list; how each ended, undefined where there is no report. */
export async function runUnits(
  runner: SparkRunner,
  units: readonly Partial<SparkUnit>[],
  { folder, signal = new AbortController().signal }: UnitsOptions,
): Promise<readonly (SparkOutcome | undefined)[]> {
  await mkdir(folder, { recursive: true });
  const paths = units.map((_, index) => ({
    specification: join(folder, `${index}.specification.json`),
    report: join(folder, `${index}.report.json`),
  }));
  for (const [index, unit] of units.entries()) {
    const empty: SparkUnit = { formatVersion: 1, inputs: [], statements: [], outputs: [], queries: {} };
    await writeFile(paths[index]?.specification ?? '', JSON.stringify({ ...empty, ...unit }));
  }
  await runner.run(
    paths.map(({ specification, report }) => ({
      specification: fileLocation(specification),
      report: fileLocation(report),
    })),
    { signal },
  );
  return Promise.all(
    paths.map(async ({ report }) => {
      const text = await readFile(report, 'utf8').catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as SparkOutcome);
    }),
  );
}

/** Runs one unit. @throws Error with Spark's words when it failed */
export async function runUnit(
  runner: SparkRunner,
  unit: Partial<SparkUnit>,
  options: UnitsOptions,
): Promise<SparkReport> {
  const [outcome] = await runUnits(runner, [unit], options);
  if (outcome?.outcome === 'done') return outcome;
  throw new Error(outcome?.error.message ?? 'there is no report');
}
