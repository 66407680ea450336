import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { openSparkProcess } from '../../lib/engine/spark-process.ts';
import { isSetUp, jarsFolder, pythonPath } from './setup.ts';

/** The runner of units under the real PySpark, set for units of few rows. @throws when the engines have not been set up */
export function startRunner(): SparkRunner & AsyncDisposable {
  if (!isSetUp()) throw new Error('the engines are not set up: run `npm run test:engines`, which does it');
  const jarPaths = readdirSync(jarsFolder).map((name) => join(jarsFolder, name));
  return openSparkProcess({
    pythonPath,
    jarPaths,
    threads: 2,
    memoryBytes: 1.5e9,
    settings: {
      'spark.sql.codegen.wholeStage': 'false',
      'spark.sql.codegen.factoryMode': 'NO_CODEGEN',
      'spark.sql.adaptive.enabled': 'false',
      'spark.sql.shuffle.partitions': '1',
      'spark.default.parallelism': '1',
    },
  });
}
