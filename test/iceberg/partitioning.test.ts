import { describe, expect, it } from 'vitest';
import { CommitConflictError } from '../../lib/errors.ts';
import { commitStaged, currentSpec, specFor, stageCommit, withDefaultSpec } from '../../lib/iceberg/index.ts';
import { file, names, scan, warehouse } from './helpers.ts';

describe('partition evolution', () => {
  it('gives new fields new ids, and fields and specs that the table has had their old ones', async () => {
    const house = await warehouse();
    const table = await house.create();
    const fields = currentSpec(table).fields;
    const [month, bucket] = fields;
    if (month === undefined || bucket === undefined) throw new Error('the table has two partition fields');
    const wanted = (count: number) => [
      month,
      { sourceId: bucket.sourceId, name: `bucket_${count}`, transform: `bucket[${count}]` },
    ];
    const spec = specFor(table, wanted(64));
    expect(spec).toEqual({
      specId: 1,
      fields: [month, { ...wanted(64)[1], fieldId: table.metadata.lastPartitionId + 1 }],
    });
    const changed = withDefaultSpec(table, spec);
    expect(currentSpec(changed)).toEqual(spec);
    expect(specFor(changed, wanted(64))).toEqual(spec);
    const back = specFor(changed, [month, { ...bucket, name: 'whatever' }]);
    expect(back).toEqual({ specId: 0, fields });
    expect(withDefaultSpec(changed, back).metadata).toMatchObject({
      defaultSpecId: 0,
      lastPartitionId: table.metadata.lastPartitionId + 1,
    });
  });

  it('gives a field a name that no column and no other field has', async () => {
    const house = await warehouse();
    const table = await house.create();
    const [month, bucket] = currentSpec(table).fields;
    if (month === undefined || bucket === undefined) throw new Error('the table has two partition fields');
    const spec = specFor(table, [month, { ...bucket, transform: 'bucket[99]' }]);
    expect(spec.fields[1]?.name).toBe(`${bucket.name}_`);
  });

  it('is refused where another writer has put something else under the ids', async () => {
    const house = await warehouse();
    const table = await house.create();
    const [month, bucket] = currentSpec(table).fields;
    if (month === undefined || bucket === undefined) throw new Error('the table has two partition fields');
    const ours = specFor(table, [month, { ...bucket, name: 'ours', transform: 'bucket[64]' }]);
    const theirs = specFor(table, [month, { ...bucket, name: 'theirs', transform: 'bucket[32]' }]);
    expect(() => withDefaultSpec(withDefaultSpec(table, theirs), ours)).toThrow(CommitConflictError);
  });

  it('keeps files of the old spec beside those of the new one', async () => {
    const house = await warehouse();
    await house.create();
    const table = await house.commit({ changes: { added: [file('a', ['2026-01', 1])] } });
    const [month, bucket] = currentSpec(table).fields;
    if (month === undefined || bucket === undefined) throw new Error('the table has two partition fields');
    const spec = specFor(table, [month, { ...bucket, name: 'more', transform: 'bucket[64]' }]);
    const { store, catalog, clock } = house;
    const added = [{ ...file('b', ['2026-01', 60]), specId: spec.specId }];
    const changed = withDefaultSpec(table, spec);
    const staged = await stageCommit({
      store,
      clock,
      table: changed,
      operation: 'append',
      changes: { added },
    });
    await commitStaged({ store, catalog, staged: [staged] });
    expect(names(await scan(house))).toEqual(['a', 'b']);
    expect((await house.load()).metadata.specs).toHaveLength(2);
  });
});
