import { engineChoice } from '../../config/spark.ts';
import type { SparkRunner } from '../../engine/spark.ts';
import { ConfigError, SparkMissingError } from '../../errors.ts';
import type { RunContext, SparkUse, Workload, World } from '../workload.ts';

/** Whether Spark may run units of the pipeline here. */
export function hasSpark(
  { world, config }: Pick<RunContext, 'world' | 'config'>,
  workload: Workload,
): boolean {
  if (world.spark === undefined || workload.compile === undefined) return false;
  return engineChoice(config).engine !== 'duckdb';
}

export function sparkUseOf(context: RunContext, workload: Workload, specification: unknown): SparkUse {
  if (!hasSpark(context, workload)) return 'never';
  return workload.sparkUse?.(specification) ?? 'never';
}

/** @throws SparkMissingError where there is no Spark at all */
export function needSpark({ spark }: Pick<World, 'spark'>): void {
  if (spark === undefined)
    throw new SparkMissingError(
      'work.engine: there is no Spark here. On this machine set PARTWISE_SPARK_PYTHON to a Python with PySpark 3.5 and PARTWISE_SPARK_JARS to the folder of iceberg-spark-runtime-3.5_2.12, and resume the run; on AWS deploy the pipeline again, which makes its job. To do without, cancel the run and set work.engine to duckdb',
      { safe: 'the tables are untouched and the intake is kept' },
    );
}

/** What runs units on this machine. @throws SparkMissingError where there is none */
export function sparkHere(world: Pick<World, 'spark'>): SparkRunner {
  needSpark(world);
  if (world.spark !== undefined && world.spark !== 'glue') return world.spark;
  throw new ConfigError('Spark runs as a job of the state machine, not here', {
    safe: 'the tables are untouched',
  });
}
