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
} from '../../iceberg/index.ts';
import type { OutcomeWithChanges } from '../../run/publish/table-change.ts';
import { checkpointsOf } from '../../run/units/checkpoints.ts';
import type { Plan } from '../../run/workload.ts';
import { normalizeLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { type ScannedFile, scanned } from '../../upkeep/live-rows.ts';
import { type Role, tableIdentifier, targetTables } from '../tables/tables.ts';
import { checkStage, type SummaryContext } from '../types.ts';
import { type BucketSpool, openBucketSpool } from './spool.ts';

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

type AddLine = (bucket: number, line: SpoolLine) => Promise<void>;

/**
 * Streams checkpoints and pinned manifests into one spool by bucket, so that memory holds one bucket's files at a time
 * whatever the table's size.
 */
export async function spoolState(options: StateOptions): Promise<BucketSpool<SpoolLine>> {
  const { world, runId } = options.context;
  const spool = await openBucketSpool<SpoolLine>(`${world.workRoot}/${runId}`);
  await streamState(options, (bucket, line) => spool.add(bucket, line));
  return spool;
}

/**
 * All that the checkpoints change and the pinned manifests hold, by bucket, in no order. Files of another partition spec
 * are given to every touched bucket.
 */
export async function streamState(options: StateOptions, add: AddLine): Promise<void> {
  const { context, plan } = options;
  const touched = new Set(options.touchedBuckets);
  for (const stage of plan.stages) {
    if (stage.name === checkStage) continue;
    for await (const { result } of checkpointsOf(context, stage))
      for (const [bucket, line] of changeLines(result.outcome as OutcomeWithChanges)) await add(bucket, line);
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
        for (const bucket of touched) await add(bucket, line);
      else if (touched.has(bucketOfPartition(scan.file.partition)))
        await add(bucketOfPartition(scan.file.partition), line);
    }
  }
}

/** What a unit changes, by bucket. */
export function* changeLines(
  outcome: OutcomeWithChanges,
): Iterable<readonly [bucket: number, line: SpoolLine]> {
  for (const change of outcome.changes) {
    const role = change.role as Role;
    for (const json of change.added) {
      const file = dataFileFromJson(json);
      yield [bucketOfPartition(file.partition), { kind: 'added', role, file: stateFileOf(role, file, []) }];
    }
    for (const json of change.addedDeletes) {
      const file = dataFileFromJson(json);
      const { referencedDataFile } = file;
      const referenced = referencedDataFile === undefined ? null : normalizeLocation(referencedDataFile);
      yield [
        bucketOfPartition(file.partition),
        { kind: 'addedDeletes', role, file: stateFileOf(role, file, []), referenced },
      ];
    }
    for (const kind of ['removed', 'removedDeletes'] as const) {
      for (const file of change[kind]) yield removedLine(role, kind, file);
    }
  }
}

function removedLine(
  role: Role,
  kind: 'removed' | 'removedDeletes',
  file: RemovedFile,
): readonly [bucket: number, line: SpoolLine] {
  if (typeof file === 'string') throw new TypeError(`a removed file without its partition: ${file}`);
  return [bucketOfPartition(file.partition), { kind, role, location: normalizeLocation(file.location) }];
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
