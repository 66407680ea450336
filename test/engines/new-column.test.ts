import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { localCatalogName, runPipeline } from '../../lib/run/local/local.ts';
import { grownPipeline, openFixture, smallPipeline } from '../run/fixture.ts';
import { parseSummary } from '../support/pipelines.ts';
import { enginesOf } from './driver.ts';

it('tables that gained columns read alike in Spark and pyiceberg, before and after, and Spark rewrites them', async () => {
  await using fixture = await openFixture();
  const { world } = fixture;
  const folder = `${world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  const apply = async (text: string, name: string, rows: readonly string[]) => {
    await writeFile(`${folder}/${name}`, `${rows.join('\n')}\n`);
    const config = await parseSummary(`${text}tables: {buckets: 1}\nmaintenance: {auto: false}\n`, 'p.yaml');
    const { run } = await runPipeline({ world, config });
    expect(run?.error).toBeUndefined();
  };
  await apply(`${smallPipeline}historyLength: 4\n`, 'a.csv', [
    'account_id,month,base_ts,balance,soft_delete',
    '1,2026-01,2026-04-01,11,',
    '2,2026-01,2026-04-01,21,',
  ]);
  const engines = enginesOf({
    catalogPath: `${world.rootPath}/catalog.db`,
    warehousePath: `${world.rootPath}/warehouse`,
    catalogName: localCatalogName,
  });
  const summary = `${localCatalogName}.partwise.accounts_summary`;
  const old = await engines.spark(`SELECT CAST(snapshot_id AS STRING) AS id FROM ${summary}.snapshots`);
  await apply(grownPipeline, 'b.csv', [
    'account_id,month,base_ts,balance,soft_delete,colour,points',
    '1,2026-02,2026-05-01,12,,red,5',
  ]);

  const columns = 'account_id, month, colour, points_history, balance_history, balance_grid';
  const now = [
    [1, '2026-01', null, null, [11, null, null, null], null],
    [1, '2026-02', 'red', [5, null, null, null], [12, 11, null, null], '12,11,?,?'],
    [2, '2026-01', null, null, [21, null, null, null], null],
  ];
  const inSpark = async () =>
    (await engines.spark(`SELECT ${columns} FROM ${summary} ORDER BY account_id, month`)).map((row) =>
      Object.values(row),
    );
  expect(await inSpark()).toEqual(now);
  const inPython = (await engines.pyiceberg('partwise.accounts_summary')).map((row) =>
    columns.split(', ').map((name) => row[name]),
  );
  expect(inPython.sort()).toEqual(now);
  const before = await engines.spark(`SELECT * FROM ${summary} VERSION AS OF ${String(old[0]?.['id'])}`);
  expect(before.map((row) => Object.keys(row).includes('points'))).toEqual([false, false]);

  await engines.spark(
    `CALL ${localCatalogName}.system.rewrite_data_files(table => '${summary}', options => map('rewrite-all', 'true'))`,
  );
  await apply(grownPipeline, 'c.csv', [
    'account_id,month,base_ts,balance,soft_delete,colour,points',
    '2,2025-12,2026-06-01,20,,grey,3',
  ]);
  expect((await inSpark()).filter(([key]) => key === 2)).toEqual([
    [2, '2025-12', 'grey', [3, null, null, null], [20, null, null, null], '20,?,?,?'],
    [2, '2026-01', null, [null, 3, null, null], [21, 20, null, null], '21,20,?,?'],
  ]);
});
