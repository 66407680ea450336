import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommitConflictError, CommitStateUnknownError, type PartwiseError } from '../../lib/errors.ts';
import {
  commitStaged,
  loadTable,
  loadTableAt,
  prepareCreateTable,
  setProperties,
  stageCommit,
} from '../../lib/iceberg/index.ts';
import { joinLocation } from '../../lib/stores/location.ts';
import type { CatalogPointer, Location, ObjectStore, TableIdentifier } from '../../lib/stores/ports.ts';
import { fields, file, partitionFields, steppingClock } from '../iceberg/helpers.ts';

export interface OpenedCatalog extends AsyncDisposable {
  readonly catalog: CatalogPointer;
  readonly store: ObjectStore;
  /** The catalog writes metadata files of its own: `current` is never the location that was given. */
  readonly ownFiles?: boolean;
}

const clock = steppingClock();

/** Metadata of a new table, written and not yet current. */
export async function stagedTable(store: ObjectStore, identifier: TableIdentifier) {
  const location = joinLocation(store.root, identifier.namespace, identifier.name);
  return prepareCreateTable({ store, identifier, location, fields, partitionFields, clock });
}

export async function stagedAppend(opened: OpenedCatalog, identifier: TableIdentifier, name: string) {
  const { store, catalog } = opened;
  return stageCommit({
    store,
    clock,
    table: await loadTable({ store, catalog, identifier }),
    operation: 'append',
    changes: { added: [file(name, ['2026-01', 1], { location: joinLocation(store.root, name) })] },
    summary: { writer: name },
  });
}

/** What every catalog promises, whatever is below it. */
export function catalogContract(name: string, open: () => Promise<OpenedCatalog>): void {
  describe(`${name}, as a catalog`, () => {
    let opened: OpenedCatalog;
    let catalog: CatalogPointer;
    let store: ObjectStore;
    let tables = 0;
    beforeAll(async () => {
      opened = await open();
      ({ catalog, store } = opened);
    });
    afterAll(() => opened[Symbol.asyncDispose]());

    /** Whether the table is what was prepared in this metadata file. */
    async function expectCurrent(identifier: TableIdentifier, prepared: Location): Promise<void> {
      const current = await catalog.current(identifier);
      if (opened.ownFiles !== true) return expect(current).toBe(prepared);
      const [is, wanted] = await Promise.all(
        [current ?? '', prepared].map(
          async (metadataLocation) => (await loadTableAt({ store, identifier, metadataLocation })).metadata,
        ),
      );
      expect(is?.tableUuid).toBe(wanted?.tableUuid);
      expect(is?.properties).toMatchObject(wanted?.properties ?? {});
      expect(is?.schemas).toEqual(wanted?.schemas);
      expect(is?.specs).toEqual(wanted?.specs);
      expect(is?.refs).toEqual(wanted?.refs);
    }

    async function created(): Promise<{ identifier: TableIdentifier; first: Location }> {
      tables += 1;
      const identifier = { namespace: 'contract', name: `t_${tables}` };
      const { swap } = await stagedTable(store, identifier);
      await catalog.swap([swap]);
      await expectCurrent(identifier, swap.next);
      const first = await catalog.current(identifier);
      if (first === undefined) throw new Error('the table was not created');
      return { identifier, first };
    }

    test('a table is created once, listed, found, and dropped', async () => {
      const { identifier, first } = await created();
      expect(await catalog.list('contract')).toContainEqual(identifier);
      expect(await catalog.list()).toContainEqual(identifier);
      const again = await stagedTable(store, identifier);
      await expect(catalog.swap([again.swap])).rejects.toThrow(CommitConflictError);
      expect(await catalog.current(identifier)).toBe(first);
      await catalog.drop(identifier);
      await catalog.drop(identifier);
      expect(await catalog.current(identifier)).toBeUndefined();
      expect(await catalog.list('contract')).not.toContainEqual(identifier);
      expect(await catalog.list('no_such_namespace')).toEqual([]);
    });

    test('a pointer moves only from where the writer saw it', async () => {
      const { identifier, first } = await created();
      const table = await loadTable({ store, catalog, identifier });
      const one = await setProperties({ store, clock, table, set: { a: '1' } });
      const two = await setProperties({ store, clock, table, set: { a: '2' } });
      await catalog.swap([one.swap]);
      const error = await catalog.swap([two.swap]).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(CommitConflictError);
      const current = await catalog.current(identifier);
      expect((error as PartwiseError).details).toMatchObject({ identifier, expected: first, current });
      await expectCurrent(identifier, one.swap.next);
      await expect(
        catalog.swap([
          { identifier: { ...identifier, name: 'absent' }, expected: first, next: one.swap.next },
        ]),
      ).rejects.toThrow(CommitConflictError);
    });

    test('of twenty creators of one table exactly one wins', async () => {
      const identifier = { namespace: 'contract', name: 'created_by_many' };
      const staged = await Promise.all(Array.from({ length: 20 }, () => stagedTable(store, identifier)));
      const outcomes = await Promise.allSettled(staged.map((one) => catalog.swap([one.swap])));
      const winner = outcomes.findIndex((one) => one.status === 'fulfilled');
      expect(outcomes.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
      await expectCurrent(identifier, staged[winner]?.swap.next ?? '');
    });

    test('of ten writers that start from one state one wins, and all of them in the end', async () => {
      const { identifier } = await created();
      const write = async (writer: string): Promise<number> => {
        for (let attempt = 1; ; attempt += 1) {
          const staged = await stagedAppend(opened, identifier, writer);
          try {
            await commitStaged({ store, catalog, staged: [staged] });
            return attempt;
          } catch (error) {
            const passing = error instanceof CommitConflictError || error instanceof CommitStateUnknownError;
            if (!passing || attempt > 40) throw error;
          }
        }
      };
      const attempts = await Promise.all(Array.from({ length: 10 }, (_, n) => write(`writer-${n}`)));
      expect(Math.max(...attempts)).toBeGreaterThan(1);
      const { metadata } = await loadTable({ store, catalog, identifier });
      const writers = metadata.snapshots.map((snapshot) => snapshot.summary['writer']);
      expect([...writers].sort()).toEqual(Array.from({ length: 10 }, (_, n) => `writer-${n}`));
    });
  });
}
