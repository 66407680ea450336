import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { smallPipeline } from '../run/fixture.ts';
import { newHome } from './harness.ts';

const header = 'account_id,month,base_ts,balance,soft_delete';
const python = process.env['PARTWISE_SPARK_PYTHON'];
const jars = process.env['PARTWISE_SPARK_JARS'];

afterEach(() => {
  for (const [name, value] of [
    ['PARTWISE_SPARK_PYTHON', python],
    ['PARTWISE_SPARK_JARS', jars],
  ] as const) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

async function planned(work: string) {
  await using home = await newHome();
  await mkdir(`${home.path}/pipelines`);
  const pipeline = `${home.path}/pipelines/accounts.yaml`;
  await writeFile(pipeline, smallPipeline);
  await writeFile(`${home.path}/a.csv`, `${header}\n1,2025-12,2026-02-01,5,\n1,2026-01,2026-02-01,6,\n`);
  await writeFile(`${home.path}/b.csv`, `${header}\n1,2025-12,2026-03-01,7,\n`);
  expect((await home.run('run', 'a.csv')).code).toBe(0);
  await writeFile(pipeline, `${smallPipeline}work: ${work}\n`);
  const plan = await home.run('plan', 'b.csv', '--sql');
  expect(plan.code).toBe(0);
  return plan.stdout;
}

it('plan --sql shows the statements that change stored rows, laid out, in the dialect of DuckDB', async () => {
  const told = await planned('{strategy: partitionwise}');
  expect(told).toMatch(/statements of apply\/b\d+-[0-9a-f]+, DuckDB:/);
  expect(told).toMatch(/statements of resolve\/b\d+-[0-9a-f]+, DuckDB:/);
  expect(told).toMatch(/^CREATE OR REPLACE TEMP TABLE pw_resolved AS$/m);
  expect(told).toMatch(/^CREATE OR REPLACE TEMP TABLE pw_hit AS$/m);
  expect(told).toMatch(/list_concat\(/);
  expect(told).toMatch(/^FROM \($/m);
});

it('plan --sql shows them in the dialect of Spark for units of Spark, and starts none', async () => {
  process.env['PARTWISE_SPARK_PYTHON'] = '/no/python';
  process.env['PARTWISE_SPARK_JARS'] = import.meta.dirname;
  const told = await planned('{engine: spark}');
  expect(told).toMatch(/statements of apply\/b\d+-[0-9a-f]+, Spark:/);
  expect(told).toMatch(/statements of resolve\/b\d+-[0-9a-f]+, Spark:/);
  expect(told).toMatch(/^CACHE TABLE pw_resolved AS$/m);
  expect(told).toMatch(/^CACHE TABLE pw_picked AS$/m);
  expect(told).toMatch(/AS `balance_history`/);
  expect(told).not.toMatch(/list_concat|::/);
});

async function plannedBatch(work: string) {
  await using home = await newHome();
  await mkdir(`${home.path}/pipelines`);
  await writeFile(
    `${home.path}/pipelines/metrics.yaml`,
    `pipeline: metrics\nkind: rollup\nresolutions: [1m, 1h]\nbatches: { start: '2026-01-01T00:00:00Z', every: 1h }\nquantiles: { values: [0.5] }\nwork: ${work}\n`,
  );
  await writeFile(
    `${home.path}/points.csv`,
    'id,org_id,metric,metric_shard_id,long_value,logical_timestamp\ncpu,o,m,1,5,1767225610000\n',
  );
  const plan = await home.run('plan', 'points.csv', '--arrived', '2026-01-01T00:30:00Z', '--sql');
  expect(plan.code).toBe(0);
  return plan.stdout;
}

it('plan --sql shows the statements from points to rows and state of a batch, in the dialect of DuckDB', async () => {
  const told = await plannedBatch('{}');
  expect(told).toMatch(/statements of rollup\/p0000-[0-9a-f]+, DuckDB:/);
  expect(told).toMatch(/^CREATE TEMP TABLE base AS$/m);
  expect(told).toMatch(/arg_min\(/);
  expect(told).toMatch(/'\[-2186, -2185, … 4373 in all\]'/);
  expect(told).toMatch(/AS window_ts/);
});

it('plan --sql shows them in the dialect of Spark for a batch of Spark', async () => {
  process.env['PARTWISE_SPARK_PYTHON'] = '/no/python';
  process.env['PARTWISE_SPARK_JARS'] = import.meta.dirname;
  const told = await plannedBatch('{engine: spark}');
  expect(told).toMatch(/engine: 1 of 1 units of rollup by Spark \(configured\)/);
  expect(told).toMatch(/statements of rollup\/p0000-[0-9a-f]+, Spark:/);
  expect(told).toMatch(/^CACHE TABLE base AS$/m);
  expect(told).toMatch(/min_by\(/);
  expect(told).toMatch(/from_json\(\s*'\[-2186, -2185, … 4373 in all\]'/);
  expect(told).not.toMatch(/arg_min|HUGEINT|list_/);
});
