import {
  currentSchema,
  type DataFile,
  dataFileFromJson,
  liveFiles,
  loadTableAt,
  type RemovedFile,
  type Schema,
  type Table,
  withMissingColumns,
} from '../iceberg/index.ts';
import { checkpointsOf } from '../run/checkpoints.ts';
import type { OutcomeWithChanges } from '../run/table-change.ts';
import type { Plan } from '../run/workload.ts';
import { normalizeLocation } from '../stores/location.ts';
import type { Location } from '../stores/ports.ts';
import { type ScannedFile, scanned } from '../upkeep/live-rows.ts';
import { type BucketSpool, openBucketSpool } from './audit-spool.ts';
import { type Role, tableIdentifier, targetTables } from './tables.ts';
import type { SummaryContext } from './types.ts';

/** The tables before the run and what the run wants to change, one bucket at a time. */

export const roles: readonly Role[] = ['summary', 'latest', 'tombstones'];

export interface StateFile extends ScannedFile {
  /** `YYYY-MM` in the summary, empty elsewhere. */
  readonly month: string;
  readonly rows: number;
  readonly sizeBytes: number;
}

export interface RoleState {
  readonly before: readonly StateFile[];
  readonly added: readonly StateFile[];
  readonly addedDeletes: readonly (StateFile & { readonly referenced: Location | undefined })[];
  readonly removed: ReadonlySet<Location>;
  readonly removedDeletes: ReadonlySet<Location>;
}

export interface BucketState {
  readonly bucket: number;
  readonly roles: Readonly<Record<Role, RoleState>>;
}

export interface TableState {
  readonly role: Role;
  /** Undefined when the run will create the table. */
  readonly table: Table | undefined;
  readonly schema: Schema;
  readonly snapshotId: bigint | undefined;
}

/** A line of the spool. */
export type SpoolLine =
  | { readonly kind: 'before' | 'added'; readonly role: Role; readonly file: StateFile }
  | {
      readonly kind: 'addedDeletes';
      readonly role: Role;
      readonly file: StateFile;
      readonly referenced: Location | null;
    }
  | { readonly kind: 'removed' | 'removedDeletes'; readonly role: Role; readonly location: Location };

/** The tables as the plan pinned them. */
export async function pinnedTables(
  context: SummaryContext,
  plan: Plan,
): Promise<Readonly<Record<Role, TableState>>> {
  const store = context.world.warehouse;
  const targets = targetTables(context.config, store.root);
  const states = await Promise.all(
    roles.map(async (role): Promise<[Role, TableState]> => {
      const identifier = tableIdentifier(context.config, role);
      const pin = plan.pins.find((one) => one.table === `${identifier.namespace}.${identifier.name}`);
      const fields = targets.find((one) => one.role === role)?.fields ?? [];
      if (pin?.metadataLocation === undefined) {
        return [role, { role, table: undefined, schema: { schemaId: 0, fields }, snapshotId: undefined }];
      }
      const table = await loadTableAt({ store, identifier, metadataLocation: pin.metadataLocation });
      return [
        role,
        {
          role,
          table,
          schema: currentSchema(withMissingColumns(table, fields)),
          snapshotId: pin.snapshotId === undefined ? undefined : BigInt(pin.snapshotId),
        },
      ];
    }),
  );
  return Object.fromEntries(states) as Record<Role, TableState>;
}

interface StateOptions {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly tables: Readonly<Record<Role, TableState>>;
  readonly touchedBuckets: readonly number[];
}

/**
 * Streams checkpoints and pinned manifests into one spool by bucket, so that memory holds one bucket's files at a time
 * whatever the table's size. Files of another partition spec are given to every touched bucket.
 */
export async function spoolState(options: StateOptions): Promise<BucketSpool<SpoolLine>> {
  const { context, plan } = options;
  const spool = await openBucketSpool<SpoolLine>(`${context.world.workRoot}/${context.runId}`);
  const touched = new Set(options.touchedBuckets);
  const removed = (role: Role, kind: 'removed' | 'removedDeletes', file: RemovedFile): Promise<void> => {
    if (typeof file === 'string') throw new TypeError(`a removed file without its partition: ${file}`);
    const line = { kind, role, location: normalizeLocation(file.location) };
    return spool.add(bucketOfPartition(file.partition), line);
  };
  for (const stage of plan.stages) {
    for await (const { result } of checkpointsOf(context, stage)) {
      const outcome = result.outcome as OutcomeWithChanges;
      for (const change of outcome.changes) {
        const role = change.role as Role;
        for (const json of change.added) {
          const file = dataFileFromJson(json);
          await spool.add(bucketOfPartition(file.partition), {
            kind: 'added',
            role,
            file: stateFileOf(role, file, []),
          });
        }
        for (const json of change.addedDeletes) {
          const file = dataFileFromJson(json);
          const line = { kind: 'addedDeletes' as const, role, file: stateFileOf(role, file, []) };
          const referenced =
            file.referencedDataFile === undefined ? null : normalizeLocation(file.referencedDataFile);
          await spool.add(bucketOfPartition(file.partition), { ...line, referenced });
        }
        for (const file of change.removed) await removed(role, 'removed', file);
        for (const file of change.removedDeletes) await removed(role, 'removedDeletes', file);
      }
    }
  }
  for (const role of roles) {
    const { table, snapshotId } = options.tables[role];
    if (table === undefined) continue;
    for await (const scan of liveFiles({
      store: context.world.warehouse,
      table,
      snapshotId,
      statistics: false,
    })) {
      const line = {
        kind: 'before' as const,
        role,
        file: stateFileOf(role, scan.file, scanned(scan).deletes),
      };
      if (scan.file.specId !== table.metadata.defaultSpecId)
        for (const bucket of touched) await spool.add(bucket, line);
      else if (touched.has(bucketOfPartition(scan.file.partition)))
        await spool.add(bucketOfPartition(scan.file.partition), line);
    }
  }
  return spool;
}

function bucketOfPartition(partition: readonly unknown[]): number {
  return Number(partition.at(-1) ?? 0);
}

export function stateFileOf(
  role: Role,
  file: Pick<DataFile, 'location' | 'partition' | 'rows' | 'sizeBytes'>,
  deletes: readonly Location[],
): StateFile {
  return {
    location: normalizeLocation(file.location),
    deletes: deletes.map(normalizeLocation),
    month: role === 'summary' ? String(file.partition[0] ?? '') : '',
    rows: file.rows,
    sizeBytes: file.sizeBytes,
  };
}

export function bucketState(bucket: number, lines: readonly SpoolLine[]): BucketState {
  const empty = () => ({
    before: [] as StateFile[],
    added: [] as StateFile[],
    addedDeletes: [] as (StateFile & { referenced: Location | undefined })[],
    removed: new Set<Location>(),
    removedDeletes: new Set<Location>(),
  });
  const states = { summary: empty(), latest: empty(), tombstones: empty() };
  for (const line of lines) {
    if (line.kind === 'addedDeletes')
      states[line.role].addedDeletes.push({ ...line.file, referenced: line.referenced ?? undefined });
    else if (line.kind === 'removed' || line.kind === 'removedDeletes')
      states[line.role][line.kind].add(line.location);
    else if (line.kind === 'before' || line.kind === 'added') states[line.role][line.kind].push(line.file);
  }
  return { bucket, roles: states };
}

/** The role's files as they will stand after the publish. */
export function filesAfter(state: RoleState): readonly StateFile[] {
  const kept = state.before.filter((file) => !state.removed.has(file.location));
  return [
    ...kept.map((file) => ({
      ...file,
      deletes: [
        ...file.deletes.filter((location) => !state.removedDeletes.has(location)),
        ...state.addedDeletes
          .filter((one) =>
            one.referenced === undefined ? one.month === file.month : one.referenced === file.location,
          )
          .map((one) => one.location),
      ],
    })),
    ...state.added,
  ];
}
