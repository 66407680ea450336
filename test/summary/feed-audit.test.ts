import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fieldIds } from '../../lib/run/field-ids.ts';
import { type Role, targetTables } from '../../lib/summary/tables/tables.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { smallShape } from '../generators/shape.ts';
import type { OracleFeedRecord, OracleRecord } from '../oracle/summary-oracle.ts';
import { monthNumber } from '../oracle/worked-examples.ts';
import { expectSucceeded, openProduct, type Product } from './product.ts';

/** What the audit says of a run of which one written file is spoilt before its checkpoint. */

const shape = { ...smallShape, tieTypes: [], overrides: 'opened' };

const record = (key: string, month: string, version: number, code = '0'): OracleRecord => ({
  key,
  month: monthNumber(month),
  version,
  ties: [],
  values: { balance: String(version), status: '0', opened: `${month}-15`, del_code: code },
});
const feed = (key: string, date: string, version: number, code: string): OracleFeedRecord => ({
  key,
  date,
  version,
  code,
});

const first = {
  records: [
    record('a', '2026-01', 1),
    record('a', '2026-01', 2, '4'),
    record('b', '2026-01', 1),
    record('c', '2026-01', 1),
  ],
  feed: [feed('b', '2026-01-20', 1, '7'), feed('w', '2026-01-20', 1, '7')],
};
/** Brings a back, deletes c, of which nothing but the date of the source is left, and moves b to a new register. */
const second = {
  records: [record('c', '2026-01', 2, '4'), record('b', '2026-02', 1)],
  feed: [
    feed('a', '2026-01-20', 1, '7'),
    feed('b', '2026-01-25', 2, '8'),
    feed('c', '2026-01-20', 1, '1'),
    feed('v', '2026-01-20', 1, '1'),
  ],
};

async function drop(product: Product, batch: typeof first, name: string): Promise<void> {
  await product.drop([
    { name: `${name}.csv`, format: 'csv', seed: 1, records: batch.records },
    { name: `${name}.csv`, format: 'csv', seed: 1, records: [], feed: batch.feed },
  ]);
}

interface Play {
  readonly product: Product;
  readonly error: string | undefined;
}

/** Two runs; the second one's new files of a table are changed by `sql`, which sees their rows as `rows`. */
async function play(spoil?: { readonly role: Role; readonly sql: string }): Promise<Play & AsyncDisposable> {
  let spoiling = false;
  let known = new Set<string>();
  const files = async (product: Product, role: Role) => {
    const folder = join(product.world.rootPath, 'warehouse/partwise', `proof_${role}`, 'data');
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    return names.filter((name) => name.endsWith('.parquet')).map((name) => join(folder, name));
  };
  const product: Product = await openProduct({
    shape,
    document: {
      work: { strategy: 'unified', rewrite: 'copy-on-write' },
      tables: { buckets: 1 },
      maintenance: { auto: false },
    },
    step: async (name) => {
      if (!spoiling || spoil === undefined || name !== 'before-checkpoint:resolve') return;
      for (const path of await files(product, spoil.role))
        if (!known.has(path)) await rewrite(product, spoil, path);
    },
  });
  await drop(product, first, 'first');
  expectSucceeded(await product.run());
  if (spoil !== undefined) known = new Set(await files(product, spoil.role));
  spoiling = true;
  await drop(product, second, 'second');
  const { run } = await product.run();
  return {
    product,
    error: run?.error === undefined ? undefined : JSON.stringify(run.error),
    [Symbol.asyncDispose]: () => product[Symbol.asyncDispose](),
  };
}

async function rewrite(
  { world, config }: Product,
  { role, sql }: { readonly role: Role; readonly sql: string },
  path: string,
): Promise<void> {
  const fields = targetTables(config, '').find((one) => one.role === role)?.fields ?? [];
  await using session = await world.engine.open({
    memoryBytes: 2 ** 28,
    threads: 1,
    workFolder: `${world.workRoot}/spoil`,
  });
  await session.execute(`CREATE TABLE rows AS SELECT * FROM read_parquet('${path}')`);
  await session.execute(sql);
  const [written] = await session.writeParquet({
    select: 'SELECT * FROM rows',
    path: `${session.workFolder}/spoilt.parquet`,
    fieldIds: fieldIds({ fields }),
  });
  await rm(path);
  await rename(written?.path ?? '', path);
}

describe('the audit of a pipeline with a deletions feed', () => {
  it('passes a run that did what the rules say, before and after its publish', async () => {
    await using played = await play();
    expect(played.error).toBeUndefined();
    const { world, config } = played.product;
    const full = await verifyTables(world, config, { full: true });
    expect(full.checks.filter((check) => !check.passed)).toEqual([]);
    expect(full.checks.find(({ name }) => name === 'feed overrides')?.checked).toBe(4);
  });

  const spoils: readonly [name: string, role: Role, sql: string, message: RegExp][] = [
    [
      'a date that nobody asked for',
      'summary',
      "UPDATE rows SET opened = DATE '2026-01-21' WHERE acct = 'a'",
      /feed overrides.*acct a, month 2026-01, bucket 0: the row shows another date/,
    ],
    [
      'a delete code that is not the winner’s',
      'summary',
      "UPDATE rows SET del_code = '4' WHERE acct = 'a'",
      /feed overrides.*acct a, month 2026-01/,
    ],
    [
      'a date that is left where both are deleted',
      'summary',
      "UPDATE rows SET opened = DATE '2026-01-15' WHERE acct = 'c'",
      /feed overrides.*acct c, month 2026-01/,
    ],
    [
      'a feed record that nobody sent',
      'summary',
      "UPDATE rows SET opened = DATE '2026-01-22', pw_fed_date = DATE '2026-01-22' WHERE acct = 'a'",
      /feed overrides.*acct a, month 2026-01, bucket 0: the row has a feed record that nobody sent/,
    ],
    [
      'a register that went back to an older feed record',
      'summary',
      "UPDATE rows SET (opened, del_code, pw_fed_version, pw_fed_hash, pw_fed_deleted, pw_fed_date, pw_fed_code) = (DATE '2026-01-15', '0', NULL, NULL, NULL, NULL, NULL) WHERE acct = 'b' AND as_of = '2026-01'",
      /feed overrides.*acct b, month 2026-01, bucket 0: the row has an older feed record/,
    ],
    [
      'a date of the record that is kept aside and is not the record’s',
      'summary',
      "UPDATE rows SET pw_rec_date = DATE '2026-01-01' WHERE acct = 'a'",
      /values.*acct a, month 2026-01/,
    ],
    [
      'a waiting feed record that is lost',
      'tombstones',
      "DELETE FROM rows WHERE acct = 'v'",
      /feed overrides.*acct v, month 2026-01, bucket 0: the row lacks a feed record that came/,
    ],
    [
      'a feed record that waited already and is lost',
      'tombstones',
      "DELETE FROM rows WHERE acct = 'w'",
      /tombstones.*acct w, month 2026-01/,
    ],
    [
      'a row of latest that does not show what its summary row does',
      'latest',
      "UPDATE rows SET opened = DATE '2026-01-15' WHERE acct = 'a'",
      /latest rows.*acct a/,
    ],
  ];
  it.each(spoils)('finds %s', async (_name, role, sql, message) => {
    await using played = await play({ role, sql });
    expect(played.error).toMatch(message);
  });

  it('recomputes keys that only the feed names', async () => {
    await using played = await play({
      role: 'summary',
      sql: "UPDATE rows SET opened = DATE '2026-01-21' WHERE acct = 'a'",
    });
    expect(played.error).toMatch(
      /sample.*acct a, month 2026-01: opened: expected 2026-01-20, got 2026-01-21/,
    );
  });
});
