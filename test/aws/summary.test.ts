import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, inject, it } from 'vitest';
import { currentSnapshot, loadTable } from '../../lib/iceberg/index.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { columnNames, smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectSucceeded, expectTables } from '../summary/product.ts';
import { readTables, type StoredRow, tableIdentifier } from '../summary/tables.ts';
import { type AwsProduct, openAwsProduct } from './product.ts';
import { paths } from './setup.ts';
import { credentials, region } from './stand-ins.ts';
import { testClients } from './world.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 61, keys: 40, months: 8, changed: 0.3 });
const { shape } = scenario;
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 2 });

it('dropped files become tables in Glue that hold what they should, run after run, and pyiceberg reads them', async () => {
  await using product = await openAwsProduct({ shape, document });
  await bulkLoad(product, scenario.initial);
  for (const [index, files] of scenario.runs.slice(0, 3).entries()) {
    await product.drop(files);
    expectSucceeded(await product.run());
    await expectTables(product, expectedTables(scenario, index + 1));
  }
  const stored = await readTables(product.world);
  for (const role of ['summary', 'latest'] as const) {
    const read = await pyiceberg(`${product.database}.proof_${role}`);
    expect(read).toEqual(keysAndHistories(stored[role]));
    expect(read.length).toBeGreaterThan(0);
  }
});

it('a run that ends between the swaps of its two tables is finished by its resume', async () => {
  let armed = true;
  await using product = await openAwsProduct({
    shape,
    document,
    world: {
      step: async (name) => {
        if (name !== 'between-swaps' || !armed) return;
        armed = false;
        throw new Error(`ended at ${name}`);
      },
    },
  });
  await bulkLoad(product, scenario.initial);
  await product.drop(scenario.runs[0] ?? []);
  const { run } = await product.run();
  expect(run?.status).toBe('failed');
  expect(await newestRun(product, 'latest')).toBeUndefined();
  expect(await newestRun(product, 'summary')).toBe(run?.runId);
  expectSucceeded(await product.resume(run?.runId ?? ''));
  await expectTables(product, expectedTables(scenario, 1));
  expect(await newestRun(product, 'latest')).toBe(run?.runId);
});

it('an object that was overwritten after it was recorded is set aside, and the rest is applied', async () => {
  await using product = await openAwsProduct({ shape, document });
  await bulkLoad(product, scenario.initial);
  const [files = []] = scenario.runs;
  const [file] = files;
  if (file === undefined) throw new Error('the scenario has no file');
  const key = `${product.config.pipeline}/${file.name}`;
  await product.drop(files);
  await product.drop([{ ...file, name: `copy.${file.format}` }]);
  using clients = testClients();
  const Bucket = product.buckets.staging;
  await clients.s3.send(new PutObjectCommand({ Bucket, Key: key, Body: 'other bytes' }));
  expectSucceeded(await product.run());
  const [item] = await product.world.state.intake.versions(product.config.pipeline, `s3://${Bucket}/${key}`);
  expect(item).toMatchObject({ status: 'superseded' });
  expect(item?.reason).toContain('SourceChangedError');
  await expectTables(product, expectedTables(scenario, 1));
});

async function newestRun({ world }: AwsProduct, role: 'summary' | 'latest'): Promise<string | undefined> {
  const identifier = tableIdentifier(role);
  const table = await loadTable({ store: world.warehouse, catalog: world.catalog, identifier });
  return currentSnapshot(table)?.summary['partwise.run-id'];
}

const historyName = `${shape.history[0]?.name}_history`;

function keysAndHistories(rows: readonly StoredRow[]): readonly string[] {
  return rows
    .map((row) => JSON.stringify([columnNames.key, columnNames.month, historyName].map((name) => row[name])))
    .sort();
}

/** Key, month and one history of each row, as pyiceberg reads them through the Glue catalog. */
async function pyiceberg(table: string): Promise<readonly string[]> {
  const endpoints = inject('endpoints');
  const { stdout } = await promisify(execFile)(
    paths.python,
    [join(import.meta.dirname, 'read-table.py'), table, columnNames.key, columnNames.month, historyName],
    {
      maxBuffer: 2 ** 28,
      env: {
        ...process.env,
        CATALOG: JSON.stringify({
          type: 'glue',
          'glue.endpoint': endpoints.glue,
          'glue.region': region,
          'glue.access-key-id': credentials.accessKeyId,
          'glue.secret-access-key': credentials.secretAccessKey,
          's3.endpoint': endpoints.s3,
          's3.region': region,
          's3.access-key-id': credentials.accessKeyId,
          's3.secret-access-key': credentials.secretAccessKey,
        }),
      },
    },
  );
  return (JSON.parse(stdout) as unknown[][]).map((row) => JSON.stringify(row)).sort();
}
