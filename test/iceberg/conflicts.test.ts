import { describe, expect, it } from 'vitest';
import { CommitConflictError, IntegrityError, PinnedSnapshotExpiredError } from '../../lib/errors.ts';
import {
  cellFilter,
  commitStaged,
  currentSchema,
  currentSnapshot,
  expireSnapshots,
  findSnapshotByProperty,
  setRef,
  type Table,
  validateNoConflicts,
} from '../../lib/iceberg/index.ts';
import { file, type Warehouse, warehouse } from './helpers.ts';

async function pinnedTable(): Promise<{
  house: Warehouse;
  pinned: bigint;
  check: (buckets?: readonly number[], months?: { from: string; to: string }) => Promise<unknown>;
}> {
  const house = await warehouse();
  await house.create();
  const table = await house.commit({
    changes: { added: [file('a', ['2026-01', 0]), file('b', ['2026-01', 1])] },
  });
  const pinned = headOf(table);
  const check = async (buckets?: readonly number[], months?: { from: string; to: string }) => {
    const now = await house.load();
    const filter = cellFilter({
      schema: currentSchema(now),
      ...(buckets === undefined ? {} : { bucket: { column: 'key', count: 4, values: buckets } }),
      ...(months === undefined ? {} : { month: { column: 'month', ...months } }),
    });
    return validateNoConflicts({ store: house.store, table: now, sinceSnapshotId: pinned, filter });
  };
  return { house, pinned, check };
}

function headOf(table: Table): bigint {
  const head = currentSnapshot(table);
  if (head === undefined) throw new Error('no snapshot');
  return head.snapshotId;
}

describe('the conflict check', () => {
  it('passes when nothing came after the plan', async () => {
    const { check } = await pinnedTable();
    expect(await check()).toEqual({ snapshots: [], replacedFiles: [], replacementFiles: [] });
  });

  it('lets other buckets and months pass, and names the buckets that were touched', async () => {
    const { house, check } = await pinnedTable();
    const table = await house.commit({
      changes: { added: [file('c', ['2026-01', 2]), file('d', ['2026-03', 3])] },
    });
    expect(await check([0, 1])).toMatchObject({ snapshots: [{ operation: 'append', addedFiles: 0 }] });
    expect(await check([3], { from: '2026-01', to: '2026-02' })).toMatchObject({
      snapshots: [{ addedFiles: 0 }],
    });
    const failure = await check([1, 2, 3]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommitConflictError);
    expect(failure).toMatchObject({
      details: { buckets: [2, 3], snapshotIds: [String(headOf(table))], count: 2 },
    });
  });

  it('counts removed files and delete files as touching', async () => {
    const { house, check } = await pinnedTable();
    await house.commit({ operation: 'delete', changes: { removed: [file('a', ['2026-01', 0])] } });
    await expect(check([0])).rejects.toThrow(CommitConflictError);
    await expect(check([1])).resolves.toBeDefined();
    await house.commit({
      operation: 'delete',
      changes: { addedDeletes: [file('pd', ['2026-01', 1], { content: 'position-deletes' })] },
    });
    await expect(check([1])).rejects.toThrow(CommitConflictError);
    await expect(check([2])).resolves.toBeDefined();
  });

  it('counts equality deletes for every bucket', async () => {
    const { house, check } = await pinnedTable();
    await house.commit({
      operation: 'delete',
      changes: {
        addedDeletes: [file('ed', ['2026-09', 3], { content: 'equality-deletes', equalityIds: [1] })],
      },
    });
    const failure = await check([0], { from: '2026-01', to: '2026-01' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'CommitConflictError', details: { buckets: 'all' } });
  });

  it('reports what a replace put in the place of what, also through a chain of them', async () => {
    const { house, check } = await pinnedTable();
    await house.commit({
      operation: 'replace',
      changes: { removed: [file('a', ['2026-01', 0])], added: [file('a2', ['2026-01', 0])] },
    });
    await house.commit({
      operation: 'replace',
      changes: { removed: [file('a2', ['2026-01', 0])], added: [file('a3', ['2026-01', 0])] },
    });
    expect(await check([0])).toMatchObject({
      replacedFiles: ['file:///w/a.parquet'],
      replacementFiles: ['file:///w/a3.parquet'],
    });
    expect(await check([1])).toMatchObject({ replacedFiles: [], replacementFiles: [] });
  });

  it('does not trust a replace that changes the number of rows', async () => {
    const { house, check } = await pinnedTable();
    await house.commit({
      operation: 'replace',
      changes: { removed: [file('a', ['2026-01', 0])], added: [file('a2', ['2026-01', 0], { rows: 9 })] },
    });
    await expect(check([0])).rejects.toThrow(IntegrityError);
  });

  it('says when the pinned snapshot is gone, and when it is on no line to the head', async () => {
    const { house, check, pinned } = await pinnedTable();
    const { store, catalog, clock } = house;
    const table = await house.commit({ branch: 'side', changes: { added: [file('c', ['2026-01', 2])] } });
    const side = currentSnapshot(table, 'side')?.snapshotId;
    await expect(validateNoConflicts({ store, table, sinceSnapshotId: side })).rejects.toThrow(
      CommitConflictError,
    );
    await house.commit({ changes: { added: [file('d', ['2026-01', 2])] } });
    const expired = await expireSnapshots({
      store,
      table: await setTag(house, 'none', headOf(await house.load())),
      clock,
      keep: 1,
      olderThanMs: 0,
    });
    if (expired.staged === undefined) throw new Error('nothing to expire');
    expect(expired.expiredSnapshotIds).toContain(pinned);
    await commitStaged({ catalog, staged: [expired.staged] });
    await expect(check([0])).rejects.toThrow(PinnedSnapshotExpiredError);
  });

  it('checks every snapshot when the plan saw none', async () => {
    const { house } = await pinnedTable();
    const table = await house.load();
    await expect(
      validateNoConflicts({ store: house.store, table, sinceSnapshotId: undefined }),
    ).rejects.toThrow(CommitConflictError);
  });

  it('finds a commit by what its summary says, under commits of others', async () => {
    const { house } = await pinnedTable();
    const ours = await house.commit({
      summary: { 'partwise.run-id': 'r7' },
      changes: { added: [file('c', ['2026-01', 2])] },
    });
    const table = await house.commit({ changes: { added: [file('d', ['2026-01', 2])] } });
    expect(findSnapshotByProperty({ table, key: 'partwise.run-id', value: 'r7' })?.snapshotId).toBe(
      headOf(ours),
    );
    expect(findSnapshotByProperty({ table, key: 'partwise.run-id', value: 'r8' })).toBeUndefined();
  });
});

async function setTag(house: Warehouse, name: string, snapshotId: bigint): Promise<Table> {
  const { store, catalog, clock } = house;
  const staged = await setRef({
    store,
    table: await house.load(),
    clock,
    name,
    ref: { type: 'tag', snapshotId },
  });
  await commitStaged({ catalog, staged: [staged] });
  return staged.table;
}
