import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { runPipeline } from '../../lib/run/local/local.ts';
import { smallShape } from '../generators/shape.ts';
import { parseSummary } from '../support/pipelines.ts';
import { expectSucceeded, openProduct } from './product.ts';
import { readTables, type StoredRow } from './tables.ts';

/** A pipeline as the old systems had it: renamed columns, sentinels, transformations, a derived rating, code 999. */
const document = {
  pipeline: 'proof',
  kind: 'summary',
  columns: [
    { name: 'acct', from: 'cons_acct_key', type: 'bigint' },
    { name: 'as_of', from: 'rpt_as_of_mo', type: 'month' },
    { name: 'base_ts', type: 'timestamp' },
    { name: 'balance', from: 'acct_bal', type: 'int', sentinels: [-1, -2_147_483_647] },
    { name: 'days_past_due', from: 'dpd', type: 'int', sentinels: [-1] },
    { name: 'asset_class', from: 'asset_cd', type: 'string' },
    { name: 'opened', from: 'open_dt', type: 'date' },
    { name: 'del_code', from: 'soft_del_cd', type: 'string' },
  ],
  key: 'acct',
  month: 'as_of',
  version: 'base_ts',
  transformations: [
    {
      column: 'asset_class',
      sql: "CASE WHEN asset_class IS NULL OR trim(asset_class) = '' THEN '999' ELSE asset_class END",
    },
  ],
  derived: [
    {
      name: 'rating',
      type: 'string',
      sql: "CASE WHEN asset_class = '999' THEN 'X' WHEN days_past_due IS NULL THEN NULL WHEN days_past_due >= 90 THEN '3' WHEN days_past_due >= 30 THEN '1' ELSE '0' END",
    },
  ],
  history: [{ name: 'bal', from: 'balance' }, { name: 'rating' }],
  grids: [{ name: 'rating_grid', from: 'rating', placeholder: '?', separator: '' }],
  historyLength: 4,
  delete: { column: 'del_code', codes: ['1', '4'] },
};

async function play(drops: readonly string[]): Promise<readonly StoredRow[]> {
  await using product = await openProduct({ shape: smallShape });
  const config = await parseSummary(stringify(document), 'features.yaml');
  for (const [index, text] of drops.entries()) {
    const path = join(product.world.stagingPath, 'proof', `drop-${index}.csv`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    expectSucceeded(await runPipeline({ world: product.world, config }));
  }
  return (await readTables(product.world)).summary.toSorted((a, b) =>
    String(a.as_of).localeCompare(String(b.as_of)),
  );
}

const header = 'unlisted,rpt_as_of_mo,cons_acct_key,base_ts,acct_bal,dpd,asset_cd,open_dt,soft_del_cd\n';

describe('what a pipeline says about its columns', () => {
  it('holds before anything is kept: sentinels, transformations, derived columns and old dates', async () => {
    const rows = await play([
      `${header}x,2025-11,7,2025-12-01 00:00:00,100,0,01,2020-02-03,\nx,2025-12,7,2026-01-01 00:00:00,-1,45,,0001-01-01,0\n`,
      `${header}x,2026-01-31,7,2026-02-01 00:00:00,-2147483647,-1,01,0999-12-31,\nx,2025-11,7,2025-12-02 00:00:00,,95,01,,\n`,
    ]);
    expect(
      rows.map(
        ({
          as_of,
          balance,
          days_past_due,
          asset_class,
          rating,
          opened,
          bal_history,
          rating_history,
          rating_grid,
        }) => ({
          as_of,
          balance,
          days_past_due,
          asset_class,
          rating,
          opened,
          bal_history,
          rating_history,
          rating_grid,
        }),
      ),
    ).toEqual([
      {
        as_of: '2025-11',
        balance: null,
        days_past_due: '95',
        asset_class: '01',
        rating: '3',
        opened: null,
        bal_history: [null, null, null, null],
        rating_history: ['3', null, null, null],
        rating_grid: '3???',
      },
      {
        as_of: '2025-12',
        balance: null,
        days_past_due: '45',
        asset_class: '999',
        rating: 'X',
        opened: null,
        bal_history: [null, null, null, null],
        rating_history: ['X', '3', null, null],
        rating_grid: 'X3??',
      },
      {
        as_of: '2026-01',
        balance: null,
        days_past_due: null,
        asset_class: '01',
        rating: null,
        opened: null,
        bal_history: [null, null, null, null],
        rating_history: [null, 'X', '3', null],
        rating_grid: '?X3?',
      },
    ]);
  });

  it('tells a NULL that overwrites from a value that is not there', async () => {
    const rows = await play([
      `${header}x,2025-11,7,2025-12-01 00:00:00,100,0,01,,\nx,2025-12,7,2025-12-01 00:00:00,200,0,01,,\n`,
      `${header}x,2025-11,7,2025-12-03 00:00:00,,0,01,,\n`,
    ]);
    expect(rows.map((row) => row.bal_history)).toEqual([
      [null, null, null, null],
      ['200', null, null, null],
    ]);
  });
});
