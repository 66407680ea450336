import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { SparkRunner } from './spark.ts';
import { openSparkProcess, type SparkProcessOptions } from './spark-process.ts';

/**
 * Spark as this machine has it: `PARTWISE_SPARK_PYTHON`, a Python with PySpark 3.5, and `PARTWISE_SPARK_JARS`, a folder
 * with iceberg-spark-runtime-3.5_2.12. Undefined without the first. No process is started before a unit needs it.
 * @throws ConfigError when the folder cannot be read
 */
export async function sparkOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  resources: Pick<SparkProcessOptions, 'threads' | 'memoryBytes' | 'workRoot'>,
): Promise<(SparkRunner & AsyncDisposable) | undefined> {
  const pythonPath = environment['PARTWISE_SPARK_PYTHON'];
  if (pythonPath === undefined || pythonPath === '') return undefined;
  const folder = resolve(environment['PARTWISE_SPARK_JARS'] ?? '.');
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new ConfigError(`PARTWISE_SPARK_JARS: ${folder} cannot be read`, { cause });
  });
  const jarPaths = names.filter((name) => name.endsWith('.jar')).map((name) => join(folder, name));
  return openSparkProcess({ pythonPath, jarPaths, ...resources });
}
