import { CommitConflictError, IntegrityError } from '../../errors.ts';
import {
  ancestors,
  commitStaged,
  loadTable,
  type SetRefOptions,
  type SnapshotRef,
  type StagedCommit,
  setRef,
  type Table,
} from '../../iceberg/index.ts';
import type { CatalogPointer, Clock, ObjectStore, TableIdentifier } from '../../stores/ports.ts';
import { commitKeys } from './table-change.ts';

/**
 * Main becomes what a branch is, in all tables of the branch. Where the catalog swaps one table at a time, the swap of the
 * first is the commit point, and a property of it (`partwise.switch`) says where main of the others is to be; whoever comes
 * next finishes that. The property goes with the branch.
 */

interface Stores {
  readonly store: ObjectStore;
  readonly catalog: CatalogPointer;
  readonly clock: Clock;
}

interface FollowingMain extends TableIdentifier {
  /** Decimal. */
  readonly snapshotId: string;
}

/**
 * `others`: refs that move in the same swap.
 * @throws CommitConflictError when main of a table has moved on since the branch was made; nothing was moved
 */
export async function moveMain(
  stores: Stores,
  tables: readonly Table[],
  branch: string,
  others: (table: Table, branch: string) => Readonly<Record<string, SnapshotRef>> = () => ({}),
): Promise<void> {
  const heads = tables.flatMap((table) => {
    const head = table.metadata.refs[branch];
    return head === undefined ? [] : [{ table, snapshotId: head.snapshotId }];
  });
  const following = heads.slice(1).map(
    ({ table, snapshotId }): FollowingMain => ({
      ...table.identifier,
      snapshotId: String(snapshotId),
    }),
  );
  const staged: StagedCommit[] = [];
  for (const [index, { table, snapshotId }] of heads.entries()) {
    const isRecord = index === 0 && following.length > 0 && !stores.catalog.multiTable;
    const properties = isRecord ? { [commitKeys.switch]: JSON.stringify(following) } : {};
    staged.push(await stageMain(stores, table, snapshotId, { properties, others: others(table, branch) }));
  }
  await commitStaged({ ...stores, staged });
}

function stageMain(
  { store, clock }: Stores,
  table: Table,
  snapshotId: bigint,
  also: Pick<SetRefOptions, 'properties' | 'others'> = {},
): Promise<StagedCommit> {
  const ref = { type: 'branch', snapshotId } as const;
  return setRef({ store, clock, table, name: 'main', ref, fastForward: true, ...also });
}

/**
 * Moves main of the tables that a switch of `first` left behind. Returns those that were moved. Safe to repeat, and to do in
 * two places at once.
 * @throws IntegrityError when another writer has moved main of a lagging table
 */
export async function finishSwitch(stores: Stores, first: Table): Promise<readonly TableIdentifier[]> {
  const record = first.metadata.properties[commitKeys.switch];
  if (record === undefined) return [];
  const moved: TableIdentifier[] = [];
  for (const { namespace, name, snapshotId } of JSON.parse(record) as readonly FollowingMain[]) {
    const identifier = { namespace, name };
    if (await catchUp(stores, identifier, BigInt(snapshotId))) moved.push(identifier);
  }
  return moved;
}

async function catchUp(stores: Stores, identifier: TableIdentifier, snapshotId: bigint): Promise<boolean> {
  // A lost race for the pointer is looked at again; each round somebody has moved it.
  for (let round = 1; ; round += 1) {
    const table = await loadTable({ ...stores, identifier });
    if (hasArrived(table, snapshotId)) return false;
    try {
      await commitStaged({ ...stores, staged: [await stageMain(stores, table, snapshotId)] });
      return true;
    } catch (error) {
      if (!(error instanceof CommitConflictError)) throw error;
      const current = await stores.catalog.current(identifier);
      if (round < 6 && current !== table.metadataLocation) continue;
      throw lagging(identifier, error);
    }
  }
}

/** Main is there or has gone on from there, perhaps so far that the snapshot has expired. */
function hasArrived(table: Table, snapshotId: bigint): boolean {
  const main = table.metadata.refs['main'];
  const isKnown = table.metadata.snapshots.some((one) => one.snapshotId === snapshotId);
  return (
    !isKnown ||
    (main !== undefined && ancestors(table, main.snapshotId).some((one) => one.snapshotId === snapshotId))
  );
}

function lagging({ namespace, name }: TableIdentifier, cause: unknown): IntegrityError {
  return new IntegrityError(
    `main of ${namespace}.${name} lags behind a switch of branches and was moved by another writer since`,
    {
      cause,
      details: { table: `${namespace}.${name}` },
      safe: 'nothing was changed; the other tables are switched',
      next: 'partwise verify',
    },
  );
}
