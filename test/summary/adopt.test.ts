import { describe, expect, it } from 'vitest';
import { commitStaged, currentSnapshot, liveFiles, loadTable, stageCommit } from '../../lib/iceberg/index.ts';
import { runTask } from '../../lib/run/local/local-task.ts';
import { adoptTables } from '../../lib/summary/adopt/apply.ts';
import { type AdoptReport, lookAtAdoption } from '../../lib/summary/adopt/look.ts';
import { lookAtCells } from '../../lib/summary/rewrite/look.ts';
import type { RepairLatestTask } from '../../lib/summary/tasks/tasks.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from './bulk-load.ts';
import { makeForeign } from './foreign-table.ts';
import { writeForeign } from './foreign-writer.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct, type Product } from './product.ts';
import { tableIdentifier } from './tables.ts';

const full = bulkScenario({ shape: smallShape, seed: 25, keys: 30, months: 8, changed: 0.3 });
/** One run: late months, corrections and deletes at once. */
const scenario = { ...full, runs: [full.runs.slice(1, 4).flat()] };
const document = { maintenance: { auto: false } };

async function loaded(more: Readonly<Record<string, unknown>> = {}): Promise<Product> {
  const product = await openProduct({ shape: scenario.shape, document: { ...document, ...more } });
  await bulkLoad(product, scenario.initial);
  return product;
}

const look = ({ world, config }: Product) => lookAtAdoption(world, config);

/** Status and detail of what is not as it should be. */
const wrong = ({ summary, latest }: AdoptReport) =>
  [...summary, ...latest]
    .filter(({ status }) => status !== 'ok' && status !== 'set')
    .map(({ status, detail }) => `${status}: ${detail}`);

async function goOn(product: Product): Promise<void> {
  await product.drop(scenario.runs.flat());
  expectSucceeded(await product.run());
  await expectTables(product, expectedTables(scenario));
}

describe('tables that another system made', () => {
  it('are adopted with columns in another order and without our properties, and runs go on from them', async () => {
    await using product = await loaded();
    const { world, config } = product;
    await makeForeign(world, 'summary');
    await makeForeign(world, 'latest');
    const report = await look(product);
    expect(wrong(report)).toEqual([]);
    expect(report).toMatchObject({ verdict: 'adoptable', afterwards: [], statement: undefined });
    await adoptTables(world, config);
    for (const role of ['summary', 'latest'] as const) {
      const table = await loadTable({
        store: world.warehouse,
        catalog: world.catalog,
        identifier: tableIdentifier(role),
      });
      expect(table.metadata.properties['partwise.history-length']).toBe('6');
    }
    const again = await look(product);
    expect([...again.summary, ...again.latest].map(({ status }) => status)).not.toContain('set');
    await goOn(product);
  });

  it('are not rewritten before, and what does not fit a run leads to adoption, too', async () => {
    await using product = await loaded();
    const { world, config } = product;
    await makeForeign(world, 'summary');
    for (const task of [{ kind: 'rebucket', buckets: 4 }, { kind: 'compact' }] as const) {
      const refused = {
        name: 'UsageError',
        message: 'partwise.proof_summary was made by another system and has not been adopted',
        next: 'partwise adopt',
      };
      await expect(runTask({ world, config, task })).rejects.toMatchObject(refused);
      await expect(lookAtCells(world, config, task)).rejects.toMatchObject(refused);
    }
    await makeForeign(world, 'summary', { monthsOnly: true });
    await product.drop(scenario.runs.flat());
    await expect(product.run()).rejects.toMatchObject({ name: 'ConfigError', next: 'partwise adopt' });
  });

  it('are adopted without a latest, which a run waits for and a repair makes', async () => {
    await using product = await loaded();
    const { world, config } = product;
    await makeForeign(world, 'summary');
    await world.catalog.drop(tableIdentifier('latest'));
    const report = await adoptTables(world, config);
    expect(report.afterwards).toEqual(['partwise repair latest --all']);
    await product.drop(scenario.runs.flat());
    const { run } = await product.run();
    expect(run?.error?.name).toBe('TableNotFoundError');
    const task: RepairLatestTask = { kind: 'repair-latest', buckets: 'all' };
    expectSucceeded(await runTask({ world, config, task }));
    expectSucceeded(await product.resume(run?.runId ?? ''));
    await expectTables(product, expectedTables(scenario));
  });

  it('are told apart from ours by what is wrong with their rows, each with what mends it', async () => {
    await using product = await loaded();
    const { world } = product;
    await makeForeign(world, 'summary', {
      replace:
        'balance_history[1:3] AS balance_history, CASE WHEN hash(acct) % 2 = 0 THEN list_reverse(rating_history) ELSE rating_history END AS rating_history',
    });
    const report = await look(product);
    expect(wrong(report).join('\n')).toMatch(/mend: \d+ rows with an array of another length/);
    expect(wrong(report).join('\n')).toMatch(/mend: \d+ rows with an array whose first entry/);
    expect(wrong(report).join('\n')).toMatch(/mend: \d+ rows with a grid/);
    expect(wrong(report).join('\n')).toMatch(/mend: \d+ rows with an array that does not hold/);
    expect(wrong(report).join('\n')).toMatch(/mend: \d+ keys are not what summary says/);
    expect(report.verdict).toBe('adoptable');
    expect(report.afterwards).toEqual([
      expect.stringMatching(/^partwise rebuild --month \d{4}-\d{2}\.\.\d{4}-\d{2}$/),
      'partwise repair latest --all',
    ]);
  });

  it('are refused by name for rows that nobody can go on from', async () => {
    await using product = await loaded();
    const { world, config } = product;
    const [key] = scenario.initial.map(({ normal }) => normal.key);
    await writeForeign(
      world,
      'summary',
      (rows) => `SELECT * FROM ${rows} UNION ALL SELECT * FROM ${rows} WHERE acct = '${key}'`,
    );
    expect(wrong(await look(product)).join('\n')).toMatch(
      new RegExp(`refused: \\d+ rows of a key and month that is there more than once, such as ${key}, `),
    );
    await expect(adoptTables(world, config)).rejects.toMatchObject({
      name: 'AdoptionRefusedError',
      safe: 'nothing was changed',
    });
    await writeForeign(
      world,
      'summary',
      (rows) => `SELECT * REPLACE ('9999' AS as_of, NULL AS acct) FROM ${rows}`,
    );
    const found = wrong(await look(product)).join('\n');
    expect(found).toContain('rows whose month is not of the form YYYY-MM');
    expect(found).toContain('rows without a key or a month');
    expect(found).toContain('rows in a partition that is not theirs');
  });

  it('are refused by name for types that cannot hold the pipeline’s values, and rewritten for those that can', async () => {
    await using product = await loaded();
    const { world, config } = product;
    const typed = (name: string, type: 'int' | 'string' | 'double') => ({
      ...config,
      columns: config.columns.map((column) => (column.name === name ? { ...column, type } : column)),
    });
    expect(wrong(await lookAtAdoption(world, typed('balance', 'int'))).join('\n')).toContain(
      'refused: balance is long there, int in the pipeline file',
    );
    const wider = wrong(await lookAtAdoption(world, typed('tie_1', 'double'))).join('\n');
    expect(wider).toContain('rewrite: tie_1 is int, the pipeline makes double of it');
  });

  it('must be rewritten when they lack registers or buckets, by a statement that is told', async () => {
    await using product = await loaded();
    const { world, config } = product;
    await makeForeign(world, 'summary', {
      monthsOnly: true,
      columns: ({ name }) => !name.startsWith('pw_') && name !== 'changed_run',
    });
    const report = await look(product);
    expect(report.verdict).toBe('rewrite');
    const found = wrong(report).join('\n');
    expect(found).toContain(
      'rewrite: what tells newer records from older ones is not in the table: pw_rec_version',
    );
    expect(found).toContain('the table is partitioned by identity as as_of, not by as_of, bucket[N](acct)');
    expect(report.summary).toContainEqual(expect.objectContaining({ status: 'ok', name: 'rows' }));
    expect(report.statement).toContain(
      'CREATE TABLE `partwise`.`partwise`.`proof_summary_adopted` USING iceberg',
    );
    expect(report.statement).toContain('PARTITIONED BY (`as_of`, bucket(1, `acct`))');
    await expect(adoptTables(world, config)).rejects.toMatchObject({ name: 'AdoptionRefusedError' });
  });

  it('are refused by name for equality deletes', async () => {
    await using product = await loaded();
    const { world, config } = product;
    const stores = { store: world.warehouse, catalog: world.catalog, clock: world.clock };
    const table = await loadTable({ ...stores, identifier: tableIdentifier('summary') });
    const { value: scan } = await liveFiles({
      ...stores,
      table,
      snapshotId: currentSnapshot(table)?.snapshotId,
    }).next();
    if (scan === undefined) throw new Error('the table has no file');
    const location = `${table.metadata.location}/data/equality.parquet`;
    await world.warehouse.write(location, new Uint8Array([1]));
    const equality = {
      ...scan.file,
      location,
      sizeBytes: 1,
      content: 'equality-deletes' as const,
      equalityIds: [1],
    };
    const changes = { addedDeletes: [equality] };
    await commitStaged({
      ...stores,
      staged: [await stageCommit({ ...stores, table, changes, operation: 'delete' })],
    });
    expect(wrong(await look(product))[0]).toMatch(
      /^refused: 1 files of equality deletes, such as .*equality\.parquet$/,
    );
    await expect(adoptTables(world, config)).rejects.toMatchObject({ name: 'AdoptionRefusedError' });
  });

  it('must have the pipeline’s number of buckets, or the pipeline file theirs', async () => {
    await using product = await loaded();
    const { world, config } = product;
    const other = { ...config, tables: { ...config.tables, buckets: 7 } };
    expect(wrong(await lookAtAdoption(world, other))).toContain(
      'refused: the table has 2 buckets, the pipeline file says tables.buckets: 7',
    );
  });

  it('are looked for under the pipeline’s names', async () => {
    await using product = await openProduct({ shape: scenario.shape, document });
    await expect(look(product)).rejects.toMatchObject({
      name: 'TableNotFoundError',
      message: 'there is no table partwise.proof_summary',
    });
  });
});
