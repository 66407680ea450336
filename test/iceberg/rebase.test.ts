import { describe, expect, it } from 'vitest';
import { CommitConflictError } from '../../lib/errors.ts';
import {
  addColumns,
  commitStaged,
  currentSchema,
  currentSnapshot,
  rebaseSnapshot,
  stageCommit,
  type Table,
} from '../../lib/iceberg/index.ts';
import { file, names, scan, type Warehouse, warehouse } from './helpers.ts';

const a = file('a', ['2026-01', 1]);
const b = file('b', ['2026-01', 2]);

/** A table with files a and b, and a prepared commit that takes b out and puts c in. */
async function preparedOn(house: Warehouse, columns = false) {
  await house.create();
  const base = await house.commit({ changes: { added: [a, b] } });
  const { store, clock } = house;
  const grown = columns
    ? (await addColumns({ store, clock, table: base, columns: [{ name: 'more', type: 'long' }] })).table
    : base;
  const staged = await stageCommit({
    store,
    clock,
    table: { ...grown, metadataLocation: base.metadataLocation },
    operation: 'overwrite',
    changes: { removed: [b], added: [file('c', ['2026-01', 2])] },
  });
  if (staged.snapshotId === undefined) throw new Error('no snapshot was staged');
  return { prepared: staged.table, snapshotId: staged.snapshotId };
}

async function rebased(house: Warehouse, prepared: Table, snapshotId: bigint): Promise<Table | undefined> {
  const { store, clock, catalog } = house;
  const table = await house.load();
  const staged = await rebaseSnapshot({ store, clock, table, prepared, snapshotId, branch: 'main' });
  return (await commitStaged({ store, catalog, staged: [staged] }))[0];
}

const compaction = { removed: [a], added: [{ ...a, location: 'file:///w/a2.parquet' }] };

describe('a prepared snapshot', () => {
  it('goes on top of a compaction with its own files, id and a new sequence number', async () => {
    const house = await warehouse();
    const { prepared, snapshotId } = await preparedOn(house);
    const compacted = await house.commit({ operation: 'replace', changes: compaction });
    const table = await rebased(house, prepared, snapshotId);
    expect(names(await scan(house))).toEqual(['a', 'c']);
    const head = table === undefined ? undefined : currentSnapshot(table);
    expect(head?.snapshotId).toBe(snapshotId);
    expect(head?.parentSnapshotId).toBe(currentSnapshot(compacted)?.snapshotId);
    expect(head?.sequenceNumber).toBe(compacted.metadata.lastSequenceNumber + 1n);
    const c = (await scan(house)).find((one) => one.file.location.endsWith('/c.parquet'));
    expect(c?.sequenceNumber).toBe(head?.sequenceNumber);
    await house.commit({ operation: 'overwrite', changes: { removed: [a] } });
    expect(names(await scan(house))).toEqual(['c']);
  });

  it('for a branch that is not there yet begins it where it was prepared, whatever main did since', async () => {
    const house = await warehouse();
    await house.create();
    const base = await house.commit({ changes: { added: [a] } });
    const { store, clock, catalog } = house;
    const staged = await stageCommit({
      store,
      clock,
      table: base,
      branch: 'check',
      operation: 'append',
      changes: { added: [b] },
    });
    await house.commit({ changes: { added: [file('theirs', ['2026-02', 1])] } });
    const rebasedOnBranch = await rebaseSnapshot({
      store,
      clock,
      table: await house.load(),
      prepared: staged.table,
      snapshotId: staged.snapshotId ?? 0n,
      branch: 'check',
    });
    await commitStaged({ store, catalog, staged: [rebasedOnBranch] });
    expect(names(await scan(house, 'check'))).toEqual(['a', 'b']);
    expect(names(await scan(house))).toEqual(['a', 'theirs']);
  });

  it('brings the columns that were prepared with it', async () => {
    const house = await warehouse();
    const { prepared, snapshotId } = await preparedOn(house, true);
    await house.commit({ operation: 'replace', changes: compaction });
    const table = await rebased(house, prepared, snapshotId);
    const fields = table === undefined ? [] : currentSchema(table).fields;
    expect(fields.map((field) => field.name)).toEqual(['key', 'month', 'value', 'more']);
  });

  it('is refused on top of changed rows or changed columns', async () => {
    const rows = await warehouse();
    const first = await preparedOn(rows);
    await rows.commit({ changes: { added: [file('theirs', ['2026-02', 1])] } });
    await expect(rebased(rows, first.prepared, first.snapshotId)).rejects.toThrow(CommitConflictError);

    const columns = await warehouse();
    const second = await preparedOn(columns, true);
    const { store, clock, catalog } = columns;
    const table = await columns.load();
    const theirs = await addColumns({ store, clock, table, columns: [{ name: 'theirs', type: 'date' }] });
    await commitStaged({ store, catalog, staged: [theirs] });
    await expect(rebased(columns, second.prepared, second.snapshotId)).rejects.toThrow(CommitConflictError);
  });
});
