import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sparkOfEnvironment } from '../../lib/engine/spark-environment.ts';
import { openSparkProcess } from '../../lib/engine/spark-process.ts';
import { ConfigError, SparkUnitError } from '../../lib/errors.ts';

const units = [{ specification: 'file:///no/unit.json', report: 'file:///no/report.json' }];
const resources = { threads: 1, memoryBytes: 1e9 };

it('a Python that is not there fails the run by name, each time it is tried', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'partwise-spark-'));
  await using runner = openSparkProcess({ ...resources, pythonPath: `${folder}/no-python`, jarPaths: [] });
  const run = () => runner.run(units, { signal: new AbortController().signal });
  await expect(run()).rejects.toThrow(SparkUnitError);
  await expect(run()).rejects.toThrow(/no-python/);
  await rm(folder, { recursive: true, force: true });
});

it('a run that was aborted starts no process', async () => {
  await using runner = openSparkProcess({ ...resources, pythonPath: '/no-python', jarPaths: [] });
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(runner.run(units, { signal })).rejects.toThrow('stopped');
});

it('the environment names a Spark, none, or a folder that is not there', async () => {
  expect(await sparkOfEnvironment({}, resources)).toBeUndefined();
  const named = { PARTWISE_SPARK_PYTHON: '/python', PARTWISE_SPARK_JARS: import.meta.dirname };
  expect(await sparkOfEnvironment(named, resources)).toBeDefined();
  await expect(
    sparkOfEnvironment({ ...named, PARTWISE_SPARK_JARS: '/no/such/folder' }, resources),
  ).rejects.toThrow(ConfigError);
});
