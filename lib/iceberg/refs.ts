import { CommitConflictError, UsageError } from '../errors.ts';
import { type MetadataChange, writeMetadata } from './metadata-change.ts';
import type { StagedCommit } from './staged.ts';
import { ancestors, snapshotById } from './table.ts';
import type { SnapshotRef } from './table-metadata.ts';

/** Branches and tags, https://iceberg.apache.org/spec/#snapshot-references. All is staged; commit with `commitStaged`. */

export interface SetRefOptions extends MetadataChange {
  readonly name: string;
  readonly ref: SnapshotRef;
  /** Refuses a move that is not to a descendant. */
  readonly fastForward?: boolean;
  /** Other refs that move in the same change. */
  readonly others?: Readonly<Record<string, SnapshotRef>>;
  readonly properties?: Readonly<Record<string, string>>;
}

/** Creates or moves a branch or tag. @throws CommitConflictError (fastForward), UsageError (no such snapshot) */
export async function setRef(options: SetRefOptions): Promise<StagedCommit> {
  const { table, name, ref } = options;
  if (snapshotById(table, ref.snapshotId) === undefined) {
    throw new UsageError(`${name} cannot point to snapshot ${ref.snapshotId}, which is not in the table`, {
      details: { name, snapshotId: String(ref.snapshotId) },
    });
  }
  const current = table.metadata.refs[name];
  if (options.fastForward === true && current !== undefined && !isAncestor(options, current.snapshotId)) {
    throw new CommitConflictError(
      `${name} is at snapshot ${current.snapshotId}, from which ${ref.snapshotId} does not descend`,
      {
        details: { name, snapshotIds: [String(current.snapshotId)], buckets: [], files: [] },
        safe: 'the table is unchanged',
      },
    );
  }
  const { metadata } = table;
  return writeMetadata({
    ...options,
    metadata: {
      ...metadata,
      refs: { ...metadata.refs, ...options.others, [name]: ref },
      properties: { ...metadata.properties, ...options.properties },
    },
  });
}

function isAncestor({ table, ref }: SetRefOptions, snapshotId: bigint): boolean {
  return ancestors(table, ref.snapshotId).some((snapshot) => snapshot.snapshotId === snapshotId);
}

export interface DropRefOptions extends MetadataChange {
  readonly name: string;
  /** Properties that go in the same commit. */
  readonly removeProperties?: readonly string[];
}

/** Removes a branch or tag; its snapshots go when they are expired. Dropping what is not there is no error. */
export async function dropRef(options: DropRefOptions): Promise<StagedCommit> {
  if (options.name === 'main') throw new UsageError('branch main cannot be dropped');
  const refs = Object.fromEntries(
    Object.entries(options.table.metadata.refs).filter(([name]) => name !== options.name),
  );
  const properties = Object.fromEntries(
    Object.entries(options.table.metadata.properties).filter(
      ([key]) => options.removeProperties?.includes(key) !== true,
    ),
  );
  return writeMetadata({ ...options, metadata: { ...options.table.metadata, refs, properties } });
}

/** Several refs and properties in one change; undefined removes. Says nothing of how the old and the new lie to each other. */
export async function changeRefs(
  options: MetadataChange & {
    readonly refs: Readonly<Record<string, SnapshotRef | undefined>>;
    readonly properties: Readonly<Record<string, string | undefined>>;
  },
): Promise<StagedCommit> {
  const { metadata } = options.table;
  return writeMetadata({
    ...options,
    metadata: {
      ...metadata,
      refs: present({ ...metadata.refs, ...options.refs }),
      properties: present({ ...metadata.properties, ...options.properties }),
    },
  });
}

function present<T>(values: Readonly<Record<string, T | undefined>>): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, T] => entry[1] !== undefined),
  );
}

export async function setProperties(
  options: MetadataChange & {
    readonly set?: Readonly<Record<string, string>>;
    readonly remove?: readonly string[];
  },
): Promise<StagedCommit> {
  const merged = { ...options.table.metadata.properties, ...options.set };
  const properties = Object.fromEntries(
    Object.entries(merged).filter(([key]) => !(options.remove ?? []).includes(key)),
  );
  return writeMetadata({ ...options, metadata: { ...options.table.metadata, properties } });
}
