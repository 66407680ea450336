import { CommitConflictError, IntegrityError, PinnedSnapshotExpiredError } from '../../errors.ts';
import {
  ancestors,
  commitStaged,
  loadTableAt,
  loadTableIfExists,
  rebaseSnapshot,
  type Snapshot,
  type StagedCommit,
  type Table,
} from '../../iceberg/index.ts';
import type { CatalogPointer, Clock, Location, ObjectStore, TableIdentifier } from '../../stores/ports.ts';
import { finishSwitch } from './switch-main.ts';
import { commitKeys } from './table-change.ts';

/**
 * Commit sets of a catalog that swaps one table at a time. The first table's snapshot is the commit record: its summary
 * names the metadata files that the other tables were to get. Once it is current the run has been published, and whoever
 * comes next finishes what is missing.
 */

/** A table's part of a commit set, in the summary of the first table's snapshot (`partwise.prepared`, a JSON list). */
export interface PreparedCommit {
  readonly namespace: string;
  readonly name: string;
  readonly branch: string;
  /** Absent: the table is created. */
  readonly expected?: Location;
  readonly next: Location;
  /** Decimal. */
  readonly snapshotId: string;
}

export function preparedCommits(staged: readonly StagedCommit[], branch: string): string {
  return JSON.stringify(
    staged.map(({ swap, snapshotId }): PreparedCommit => {
      const { identifier, expected, next } = swap;
      return {
        ...identifier,
        branch,
        ...(expected === undefined ? {} : { expected }),
        next,
        snapshotId: String(snapshotId),
      };
    }),
  );
}

/** Table property that says which commit of the first table this one belongs to; set in the same swap as its own. */
export function followsProperty(branch: string): string {
  return `${commitKeys.follows}.${branch}`;
}

export interface RollForwardOptions {
  readonly store: ObjectStore;
  readonly catalog: CatalogPointer;
  readonly clock: Clock;
  /** The tables of a pipeline. */
  readonly tables: readonly TableIdentifier[];
  /** Tables that are left behind: whoever calls makes them anew. */
  readonly leave?: readonly TableIdentifier[];
}

/**
 * Moves tables that lag behind their commit set's first table to the metadata that was prepared for them, or, when they
 * were compacted meanwhile, to the same snapshot on top of that; finishes a half-done switch of branches, too. Returns the tables that were moved. Safe to repeat, and to
 * do in two places at once.
 * @throws IntegrityError when a lagging table was changed by another writer
 */
export async function rollForward(options: RollForwardOptions): Promise<readonly TableIdentifier[]> {
  if (options.catalog.multiTable) return [];
  const moved: TableIdentifier[] = [];
  for (const identifier of options.tables) {
    const first = await loadTableIfExists({ ...options, identifier });
    if (first === undefined) continue;
    moved.push(...(await finishSwitch(options, first)));
    for (const record of commitRecords(first)) {
      for (const prepared of JSON.parse(record.summary[commitKeys.prepared] ?? '[]') as PreparedCommit[])
        if (!isLeft(options, prepared) && (await catchUp(options, prepared, record)))
          moved.push(identifierOf(prepared));
    }
  }
  return moved;
}

function isLeft({ leave = [] }: RollForwardOptions, { namespace, name }: PreparedCommit): boolean {
  return leave.some((one) => one.namespace === namespace && one.name === name);
}

/** The newest commit record of each branch: every publish finishes older ones before it adds its own. */
function commitRecords(table: Table): ReadonlySet<Snapshot> {
  const records = new Set<Snapshot>();
  for (const [name, ref] of Object.entries(table.metadata.refs)) {
    const newest = ref.type === 'branch' ? commitRecord(table, name) : undefined;
    if (newest !== undefined) records.add(newest);
  }
  return records;
}

/** The branch's newest snapshot that says what other tables were to get; undefined where the catalog swaps all at once. */
export function commitRecord(table: Table, branch: string): Snapshot | undefined {
  const ref = table.metadata.refs[branch];
  if (ref === undefined) return undefined;
  return ancestors(table, ref.snapshotId).find(
    (snapshot) => snapshot.summary[commitKeys.prepared] !== undefined,
  );
}

async function catchUp(
  options: RollForwardOptions,
  prepared: PreparedCommit,
  record: Snapshot,
): Promise<boolean> {
  const { store, catalog } = options;
  const identifier = identifierOf(prepared);
  // A lost race for the pointer is looked at again; each round somebody has moved it.
  for (let round = 1; ; round += 1) {
    const current = await loadTableIfExists({ ...options, identifier });
    if (current !== undefined && follows(current, prepared, record)) return false;
    try {
      await commitStaged({ store, catalog, staged: [await staged(options, prepared, current)] });
      return true;
    } catch (error) {
      if (!(error instanceof CommitConflictError || error instanceof PinnedSnapshotExpiredError)) throw error;
      const latest = await catalog.current(identifier);
      if (round < 6 && latest !== current?.metadataLocation) continue;
      throw lagging(prepared, record, error);
    }
  }
}

/** By the property, which outlives the snapshot, or by the snapshot itself. */
function follows(table: Table, prepared: PreparedCommit, record: Snapshot): boolean {
  const { properties, snapshots } = table.metadata;
  const named = Object.entries(properties).some(
    ([key, value]) => key.startsWith(`${commitKeys.follows}.`) && value === String(record.snapshotId),
  );
  return named || snapshots.some((snapshot) => String(snapshot.snapshotId) === prepared.snapshotId);
}

async function staged(
  options: RollForwardOptions,
  prepared: PreparedCommit,
  current: Table | undefined,
): Promise<StagedCommit> {
  const { store, clock } = options;
  const { expected, next, branch } = prepared;
  const identifier = identifierOf(prepared);
  const snapshotId = BigInt(prepared.snapshotId);
  const table = await loadTableAt({ store, identifier, metadataLocation: next });
  if (current === undefined || current.metadataLocation === expected)
    return { swap: { identifier, expected, next }, snapshotId, metadata: table.metadata, table };
  if (expected === undefined)
    throw new CommitConflictError(`another writer created ${identifier.namespace}.${identifier.name}`);
  const properties = ownProperties(table, current);
  return rebaseSnapshot({ store, clock, table: current, prepared: table, snapshotId, branch, properties });
}

/** What the prepared swap would have set; a fencing epoch never goes back. */
function ownProperties(prepared: Table, current: Table): Readonly<Record<string, string>> {
  const before = current.metadata.properties;
  return Object.fromEntries(
    Object.entries(prepared.metadata.properties)
      .filter(([key]) => key.startsWith('partwise.'))
      .map(([key, value]) => [
        key,
        key.startsWith(`${commitKeys.epoch}.`) && Number(before[key] ?? 0) > Number(value)
          ? (before[key] ?? value)
          : value,
      ]),
  );
}

function identifierOf({ namespace, name }: PreparedCommit): TableIdentifier {
  return { namespace, name };
}

function lagging(prepared: PreparedCommit, record: Snapshot, cause: unknown): IntegrityError {
  const runId = record.summary[commitKeys.runId] ?? 'unknown';
  const name = `${prepared.namespace}.${prepared.name}`;
  return new IntegrityError(
    `${name} lags behind run ${runId} and was changed by another writer since: it cannot be brought up to date by itself`,
    {
      cause,
      details: { table: name, runId, prepared: prepared.next },
      safe: `nothing was changed; the first table of run ${runId} is complete`,
      next: 'partwise verify',
    },
  );
}
