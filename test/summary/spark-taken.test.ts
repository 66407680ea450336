import { expect, it } from 'vitest';
import { loadTableAt, stageCommit } from '../../lib/iceberg/index.ts';
import { createSparkRows } from '../../lib/run/spark/rows.ts';
import { takeSparkFiles } from '../../lib/summary/spark/taken.ts';
import type { SummaryContext } from '../../lib/summary/types.ts';
import { type Fixture, openFixture } from '../run/fixture.ts';

const schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'account_id', type: 'long', required: false },
    { id: 2, name: 'month', type: 'string', required: false },
  ],
} as const;
const spec = {
  specId: 3,
  fields: [
    { fieldId: 1000, sourceId: 2, name: 'month', transform: 'identity' },
    { fieldId: 1001, sourceId: 1, name: 'account_id_bucket', transform: 'bucket[4]' },
  ],
} as const;

/** A table of a unit's own, as an engine leaves it that has put one file into this partition. */
async function writtenBy(fixture: Fixture, partition: readonly (string | number | null)[]) {
  const context = (await fixture.context()) as SummaryContext;
  const { results: store, clock } = context.world;
  const location = `${store.root}/unit/rows`;
  const data = `${context.world.warehouse.root}/t/data`;
  const rows = await createSparkRows({
    context,
    table: { schema, spec },
    location,
    data,
  });
  const table = await loadTableAt({
    store,
    identifier: { namespace: 'unit', name: 'rows' },
    metadataLocation: `${location}/metadata/v1.metadata.json`,
  });
  const file = { content: 'data', location: `${data}/a.parquet`, format: 'PARQUET' } as const;
  const staged = await stageCommit({
    store,
    table,
    clock,
    operation: 'append',
    changes: { added: [{ ...file, specId: 0, partition, rows: 1, sizeBytes: 4 }] },
  });
  await store.write(`${location}/metadata/v2.metadata.json`, await store.read(staged.swap.next));
  const real = { location, schema, spec, encoding: 'plain' as const };
  return { context, table: real, rows };
}

it.each([
  [['2026-02', 1], 'another month'],
  [['2026-01', 2], 'another bucket'],
  [[null, 1], 'no month'],
  [['2025-13', 1], 'a month that is none and has the number of the one'],
  [['January', 1], 'what is no month'],
  [['2026-01', null], 'no bucket'],
] as const)('a file that Spark has put into %j, %s, is refused', async (partition, _) => {
  await using fixture = await openFixture();
  const unit = await writtenBy(fixture, partition);
  const isOwn = (cell: { month?: number; bucket: number }) => cell.month === 24313 && cell.bucket === 1;
  await expect(takeSparkFiles({ ...unit, isOwn })).rejects.toMatchObject({
    name: 'IntegrityError',
    message: `Spark wrote rows for ${JSON.stringify(partition)}, which is not the unit's`,
  });
  const otherwise = { why: 'a row lies outside of its cell', next: 'partwise verify --full' };
  await expect(takeSparkFiles({ ...unit, isOwn, otherwise })).rejects.toMatchObject({
    message: expect.stringMatching(/; a row lies outside of its cell$/),
    next: 'partwise verify --full',
  });
});

it('a file that Spark has put into a cell of the unit is looked at next', async () => {
  await using fixture = await openFixture();
  const unit = await writtenBy(fixture, ['2026-01', 1]);
  const seen: unknown[] = [];
  const isOwn = (cell: unknown) => seen.push(cell) > 0;
  await expect(takeSparkFiles({ ...unit, isOwn })).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
  expect(seen).toEqual([{ month: 24313, bucket: 1 }]);
});
