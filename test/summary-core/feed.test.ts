import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { duckDb } from '../../lib/engine/duckdb-dialect.ts';
import type { EngineSession } from '../../lib/engine/engine.ts';
import { preparedRows } from '../../lib/summary/resolve/inputs.ts';
import type { KeySlice } from '../../lib/summary/resolve/slices.ts';
import { batchTable } from '../../lib/summary/sql/classify.ts';
import { feedTable } from '../../lib/summary/sql/feed.ts';
import { summaryShape } from '../../lib/summary/tables/columns.ts';
import { targetTables } from '../../lib/summary/tables/tables.ts';
import { resolveShown } from '../../lib/summary/verify/feed.ts';
import { pipelineDocument, smallShape } from '../generators/shape.ts';
import { parseSummary } from '../support/pipelines.ts';

const parse = (overrides?: string, keyType: 'string' | 'bigint' = 'bigint') =>
  parseSummary(
    stringify(
      pipelineDocument({
        ...smallShape,
        keyType,
        tieTypes: [],
        ...(overrides === undefined ? {} : { overrides }),
      }),
    ),
    'feed.yaml',
  );

describe('the tables of a pipeline with a deletions feed', () => {
  it('have system columns for it, and those of a pipeline without one have none', async () => {
    const names = async (overrides?: string) =>
      targetTables(await parse(overrides), '').map(({ fields }) => fields.map(({ name }) => name));
    const [plain, fed] = [await names(), await names('opened')];
    const register = ['version', 'hash', 'deleted', 'date', 'code'].map((part) => `pw_fed_${part}`);
    const source = ['pw_rec_date', 'pw_rec_code', 'pw_del_code'];
    const more = [[...source, ...register], [...source, ...register], register];
    for (const [at, columns] of fed.entries())
      expect(columns.filter((name) => !plain[at]?.includes(name))).toEqual(more[at]);
    expect(plain.flat().filter((name) => /^pw_(fed|rec_date|rec_code)/.test(name))).toEqual([]);
  });
});

describe('slices of a bucket’s keys', () => {
  let folder: string;
  let session: EngineSession;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'partwise-feed-'));
    session = await openDuckDb({ memoryBytes: 2 ** 27, threads: 1, workFolder: `${folder}/session` });
  });
  afterAll(async () => {
    await session[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('hold the same keys of the records and of the feed', async () => {
    const shape = summaryShape(await parse('opened'));
    const { feed } = shape;
    if (feed === undefined) throw new Error('the pipeline has no feed');
    const scalars = shape.scalars.map(({ name, sqlType }) =>
      name === shape.key.name ? `i::${sqlType} AS ${name}` : `NULL::${sqlType} AS ${name}`,
    );
    const records = `${folder}/records.parquet`;
    const deletions = `${folder}/feed.parquet`;
    await session.execute(
      `COPY (SELECT 0 AS bucket, 24313 AS month_no, false AS is_delete, i AS rec_hash, ${scalars.join(', ')} FROM range(500) AS r(i)) TO '${records}'`,
    );
    await session.execute(
      `COPY (SELECT 0 AS bucket, 24313 AS month_no, i::${shape.key.sqlType} AS key, DATE '2026-01-01' AS date, '1' AS code, now()::TIMESTAMP AS version, i AS hash, true AS is_delete FROM range(500) AS r(i)) TO '${deletions}'`,
    );
    const keys = async (slice: KeySlice) => {
      await session.execute(batchTable(duckDb, shape, preparedRows([records], shape.key.name, 0, slice)));
      await session.execute(feedTable(duckDb, shape, feed, preparedRows([deletions], 'key', 0, slice)));
      const [row] = await session.query(
        `SELECT count(*) AS n, count(*) FILTER (f.pw_key = b.${shape.key.name}) AS both FROM pw_batch AS b FULL JOIN pw_feed AS f ON f.pw_key = b.${shape.key.name}`,
      );
      await session.execute('DROP TABLE pw_batch; DROP TABLE pw_feed');
      expect(row?.['both']).toBe(row?.['n']);
      return Number(row?.['n']);
    };
    const counts = [];
    for (const index of [0, 1, 2]) counts.push(await keys({ index, count: 3 }));
    expect(counts.reduce((a, b) => a + b, 0)).toBe(500);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });
});

describe('what a month shows, as the recomputation has it', () => {
  const alive = { tuple: { ranks: [1], hash: 1 }, deleted: false, date: '2026-01-20', code: '7' };
  const deleted = { ...alive, deleted: true, code: '1' };
  const source = (date: string | null) => ({ record: { date, code: '0' }, deleteCode: '4' });
  const none = undefined;
  it.each([
    ['alive, no feed', true, '2026-01-15', none, '2026-01-15', '0'],
    ['deleted, no feed', false, '2026-01-15', none, '2026-01-15', '4'],
    ['both deleted', false, '2026-01-15', deleted, null, '4'],
    ['alive, feed deleted', true, '2026-01-15', deleted, '2026-01-15', '0'],
    ['both alive, source later', true, '2026-01-25', alive, '2026-01-25', '0'],
    ['both alive, equal', true, '2026-01-20', alive, '2026-01-20', '0'],
    ['both alive, feed later', true, '2026-01-15', alive, '2026-01-20', '7'],
    ['both alive, source NULL', true, null, alive, '2026-01-20', '7'],
    ['deleted, feed alive', false, '2026-01-25', alive, '2026-01-20', '7'],
  ] as const)('%s', (_name, sourceAlive, own, feed, date, code) => {
    expect(resolveShown({ sourceAlive, ...source(own), feed })).toEqual({ date, code });
  });
});
