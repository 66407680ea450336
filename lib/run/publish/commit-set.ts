import { CommitConflictError, CommitStateUnknownError, PlanStaleError } from '../../errors.ts';
import {
  type ConflictReport,
  commitStaged,
  currentSchema,
  currentSpec,
  fieldByName,
  findSnapshotByProperty,
  loadTableAt,
  loadTableIfExists,
  newSnapshotId,
  type PartitionFilter,
  type PartitionSpec,
  prepareCreateTable,
  type Snapshot,
  type StageCommitOptions,
  type StagedCommit,
  stageCommit,
  systemRandom,
  type Table,
  validateNoConflicts,
  withDefaultSpec,
  withMissingColumns,
} from '../../iceberg/index.ts';
import { epochKey, refuseFormerAttempt, refuseLowerEpoch } from '../attempt-guard.ts';
import type { Plan, Published, RunContext, UnitResult } from '../workload.ts';
import { type ChangeSpool, spoolChanges } from './change-spool.ts';
import { followsProperty, preparedCommits, rollForward } from './roll-forward.ts';
import { commitKeys, type TargetTable } from './table-change.ts';

interface PublishOptions {
  readonly context: RunContext;
  readonly plan: Plan;
  /** In the order in which readers should see them where the catalog cannot swap all at once. */
  readonly targets: readonly TargetTable[];
  /** Partitions of a table that the run read: another writer's change in them is a conflict. Absent: all partitions. */
  readonly readPartitions?: (target: TargetTable, table: Table) => PartitionFilter | undefined;
  /** Instead of the check of what other writers changed: throws when the run may not be applied to the table as it is. */
  readonly validate?: (target: TargetTable, table: Table | undefined) => Promise<void>;
  readonly commit?: CommitOptions;
  /** Stages whose units change no table. */
  readonly idleStages?: readonly string[];
  /** Called once with the result of each unit of the other stages, in the plan's order, before anything is published. */
  readonly heard?: (stage: string, result: UnitResult) => void;
  /** Tables that the run read and does not write: another writer's change in what it read of them is a conflict, too. */
  readonly readOnly?: readonly TargetTable[];
}

interface CommitOptions {
  /** What the snapshots' summaries say besides the run. */
  readonly summary: Readonly<Record<string, string>>;
  /** Table properties that are set in the same swap. */
  readonly properties?: Readonly<Record<string, string>>;
  /** A tag that moves to the new snapshot in the same swap. */
  readonly tag?: string;
  /** A commit without rows is made, too. */
  readonly evenIfEmpty?: boolean;
  /** Default: by what is removed. `replace`: rows are the same before and after. */
  readonly operation?: 'replace';
  /** By role: the partition spec that new files of the table are written with from this commit on. */
  readonly specs?: Readonly<Record<string, PartitionSpec>>;
}

/** How often a lost race for the pointer is tried again before the run gives up its turn. */
const pointerAttempts = 6;

/**
 * The publish step of workloads that write Iceberg tables: one commit set, one swap where the catalog can.
 *
 * Timeline: spool and check files -> finish a half-done set -> load tables -> own snapshot there? done -> epoch ->
 * conflicts -> stage all (manifests, metadata; unreferenced) -> swap = commit point. Where the catalog swaps one table at
 * a time, the swap of the first is the commit point and its snapshot says what the others get (roll-forward.ts). An
 * unknown outcome is settled by looking for our own snapshot; no file is deleted.
 *
 * @throws CommitConflictError another writer changed what the plan read (`details.replan` is true): plan again
 * @throws LeaseLostError a newer attempt has published or is at work, or the run was cancelled
 * @throws CommitStateUnknownError neither landed nor refused, as far as can be seen
 */
export async function publishTables(options: PublishOptions): Promise<Published> {
  const { context, plan } = options;
  await using spool = await spoolChanges(options);
  const touched = await touchedTargets(options, spool);
  for (let attempt = 1; ; attempt += 1) {
    await rollForwardTargets(context, touched);
    const current = await Promise.all(touched.map((target) => loadOrUndefined(context, target)));
    const own = current.map((table) => (table === undefined ? undefined : ownSnapshot(table, context)));
    if (touched.length > 0 && own.every((snapshot) => snapshot !== undefined))
      return published(touched, own, true);
    const missing = touched.map((_, index) => own[index] === undefined);

    for (const table of current) if (table !== undefined) refuseLowerEpoch(table, context);
    await Promise.all(
      touched.map((target, index) => {
        const table = current[index];
        if (missing[index] !== true) return undefined;
        return options.validate?.(target, table) ?? mustNotConflict(options, target, table);
      }),
    );
    for (const target of options.readOnly ?? []) await mustStandAsRead(options, target);
    await context.world.step('before-stage');
    const staged = await stageSet(
      { context, plan, spool, commit: options.commit },
      touched.flatMap((target, index) =>
        missing[index] === true ? [{ target, current: current[index] }] : [],
      ),
    );
    await context.world.step('before-swap');
    await refuseFormerAttempt(context);
    try {
      await commitStaged({
        catalog: context.world.catalog,
        staged,
        between: () => context.world.step('between-swaps'),
      });
    } catch (error) {
      if (error instanceof CommitConflictError && attempt < pointerAttempts) continue;
      if (
        error instanceof CommitStateUnknownError &&
        attempt < pointerAttempts &&
        (await settled(context, touched))
      )
        continue;
      throw error;
    }
    await context.world.step('after-swap');
    const all = await Promise.all(touched.map((target) => loadOrUndefined(context, target)));
    return published(
      touched,
      all.map((table) => (table === undefined ? undefined : ownSnapshot(table, context))),
      false,
    );
  }
}

/** Tables with changes; and with any, those that get a column: readers see it everywhere or nowhere. */
async function touchedTargets(
  { context, targets, commit }: PublishOptions,
  spool: ChangeSpool,
): Promise<readonly TargetTable[]> {
  if (commit?.evenIfEmpty === true) return targets;
  const isChanged = (target: TargetTable) => spool.counts[target.role] !== undefined;
  if (!targets.some(isChanged)) return [];
  const grows = await Promise.all(
    targets.map(async (target) => {
      const table = await loadOrUndefined(context, target);
      return table !== undefined && withMissingColumns(table, target.fields) !== table;
    }),
  );
  return targets.filter((target, index) => isChanged(target) || grows[index] === true);
}

async function rollForwardTargets(context: RunContext, targets: readonly TargetTable[]): Promise<void> {
  const { warehouse: store, catalog, clock } = context.world;
  await rollForward({ store, catalog, clock, tables: targets.map((target) => target.identifier) });
}

async function loadOrUndefined(context: RunContext, target: TargetTable): Promise<Table | undefined> {
  return await loadTableIfExists({
    store: context.world.warehouse,
    catalog: context.world.catalog,
    identifier: target.identifier,
  });
}

function ownSnapshot(table: Table, context: RunContext): Snapshot | undefined {
  return findSnapshotByProperty({
    table,
    branch: context.branch,
    key: commitKeys.runId,
    value: context.runId,
  });
}

/** After an unknown outcome: true when the catalog answers again, so that the next turn of the loop sees the truth. */
async function settled(context: RunContext, targets: readonly TargetTable[]): Promise<boolean> {
  try {
    await Promise.all(targets.map((target) => loadOrUndefined(context, target)));
    return true;
  } catch {
    return false;
  }
}

async function mustStandAsRead(options: PublishOptions, target: TargetTable): Promise<void> {
  const table = await loadOrUndefined(options.context, target);
  await changesSincePlan(options, target, table);
}

async function mustNotConflict(
  options: PublishOptions,
  target: TargetTable,
  table: Table | undefined,
): Promise<void> {
  const report = await changesSincePlan(options, target, table);
  if (report === undefined || report.replacedFiles.length === 0) return;
  throw new CommitConflictError(
    `${target.identifier.namespace}.${target.identifier.name} was compacted after the plan was made; the plan's files are gone`,
    {
      details: { files: report.replacedFiles.slice(0, 20), replan: true },
      safe: 'nothing was published; units whose files are still there are not done again',
      next: `partwise resume ${options.context.runId}`,
    },
  );
}

/** What others did to the table since it was pinned; undefined when it is not there. @throws CommitConflictError when that is more than compaction */
async function changesSincePlan(
  options: PublishOptions,
  target: TargetTable,
  table: Table | undefined,
): Promise<ConflictReport | undefined> {
  const name = `${target.identifier.namespace}.${target.identifier.name}`;
  const pin = options.plan.pins.find((one) => one.table === name);
  if (pin?.uuid === undefined && table !== undefined) {
    throw new CommitConflictError(`another run created ${name} after the plan was made`, {
      details: { differences: [`${name}: absent -> ${table.metadata.tableUuid}`], replan: true },
      safe: 'nothing was published',
      next: `partwise resume ${options.context.runId} --replan`,
    });
  }
  if (pin?.uuid !== table?.metadata.tableUuid) {
    throw new PlanStaleError(`${name} was dropped or replaced after the plan was made`, {
      details: {
        differences: [`${name}: table ${pin?.uuid} -> ${table?.metadata.tableUuid ?? 'absent'}`],
      },
      safe: 'nothing was published',
      next: `partwise resume ${options.context.runId} --replan`,
    });
  }
  if (table === undefined) return undefined;
  const filter = options.readPartitions?.(target, table);
  return await validateNoConflicts({
    store: options.context.world.warehouse,
    table,
    sinceSnapshotId: pin?.snapshotId === undefined ? undefined : BigInt(pin.snapshotId),
    branch: options.context.branch,
    ...(filter === undefined ? {} : { filter }),
  });
}

interface StageOptions {
  readonly context: RunContext;
  readonly plan: Plan;
  readonly spool: ChangeSpool;
  readonly commit: CommitOptions | undefined;
}

interface Part {
  readonly target: TargetTable;
  readonly current: Table | undefined;
}

/** All of the set before any pointer moves: first what follows, then the first table, whose snapshot names the rest. */
async function stageSet(options: StageOptions, parts: readonly Part[]): Promise<readonly StagedCommit[]> {
  const [first, ...rest] = parts;
  if (first === undefined) return [];
  const { branch, world } = options.context;
  const taken = first.current?.metadata.snapshots ?? [];
  const snapshotId = newSnapshotId(systemRandom, (id) => taken.some((one) => one.snapshotId === id));
  const followers: StagedCommit[] = [];
  for (const part of rest) {
    followers.push(
      await stage(options, part, {
        summary: { [commitKeys.summarySnapshotId]: String(snapshotId) },
        properties: { [followsProperty(branch)]: String(snapshotId) },
      }),
    );
  }
  const atOnce = world.catalog.multiTable || followers.length === 0;
  const summary = atOnce ? {} : { [commitKeys.prepared]: preparedCommits(followers, branch) };
  return [await stage(options, first, { summary, properties: {}, snapshotId }), ...followers];
}

async function stage(
  { context, plan, spool, commit }: StageOptions,
  { target, current }: Part,
  extra: Required<Pick<StageCommitOptions, 'summary' | 'properties'>> & { readonly snapshotId?: bigint },
): Promise<StagedCommit> {
  const shared = { store: context.world.warehouse, clock: context.world.clock };
  const created = current === undefined ? await prepareCreateTable({ ...shared, ...target }) : undefined;
  const spec = commit?.specs?.[target.role];
  const planned =
    current === undefined ? created?.table : await withPlannedColumns(context, plan, target, current);
  const table = planned === undefined || spec === undefined ? planned : withDefaultSpec(planned, spec);
  if (table === undefined) throw new TypeError('neither a current nor a created table');
  const counts = spool.counts[target.role];
  const removes = (counts?.removed ?? 0) + (counts?.removedDeletes ?? 0) + (counts?.addedDeletes ?? 0) > 0;
  const staged = await stageCommit({
    ...shared,
    table,
    branch: context.branch,
    changes: {
      added: spool.dataFiles(target.role, 'added'),
      addedDeletes: spool.dataFiles(target.role, 'addedDeletes'),
      removed: spool.removedFiles(target.role, 'removed'),
      removedDeletes: spool.removedFiles(target.role, 'removedDeletes'),
    },
    operation: commit?.operation ?? (removes ? 'overwrite' : 'append'),
    ...extra,
    summary: {
      [commitKeys.runId]: context.runId,
      [commitKeys.planDigest]: plan.digest,
      ...commit?.summary,
      ...extra.summary,
    },
    ...(commit?.tag === undefined ? {} : { tag: commit.tag }),
    properties: {
      [epochKey(context)]: String(context.epoch),
      [commitKeys.runId]: context.runId,
      ...commit?.properties,
      ...extra.properties,
    },
  });
  return created === undefined ? staged : { ...staged, swap: { ...staged.swap, expected: undefined } };
}

/**
 * The table with the columns that it lacks, under the ids that the units' files were written with.
 * @throws CommitConflictError when somebody else has changed the columns or the partitioning since: plan again
 */
async function withPlannedColumns(
  context: RunContext,
  plan: Plan,
  target: TargetTable,
  current: Table,
): Promise<Table> {
  const table = withMissingColumns(current, target.fields);
  const name = `${target.identifier.namespace}.${target.identifier.name}`;
  const pin = plan.pins.find((one) => one.table === name)?.metadataLocation;
  if (pin === undefined || pin === current.metadataLocation) return table;
  const pinned = await loadTableAt({
    store: context.world.warehouse,
    identifier: target.identifier,
    metadataLocation: pin,
  });
  refuseOtherSpec(context, pinned, current);
  const planned = currentSchema(withMissingColumns(pinned, target.fields));
  const differences = target.fields.flatMap(({ name: column }) => {
    const [before, now] = [planned, currentSchema(table)].map((schema) =>
      JSON.stringify(fieldByName(schema, column)),
    );
    return before === now ? [] : [`${name}: column ${column} ${before} -> ${now ?? 'absent'}`];
  });
  if (differences.length === 0) return table;
  throw new CommitConflictError(`the columns of ${name} were changed after the plan was made`, {
    details: { differences, replan: true },
    safe: 'nothing was published',
    next: `partwise resume ${context.runId} --replan`,
  });
}

/** Units have written under the pinned spec. @throws CommitConflictError when another one is the table's by now: plan again */
function refuseOtherSpec(context: RunContext, pinned: Table, current: Table): void {
  const [before, now] = [pinned, current].map((table) =>
    currentSpec(table)
      .fields.map(({ name, transform }) => `${transform} as ${name}`)
      .join(', '),
  );
  if (pinned.metadata.defaultSpecId === current.metadata.defaultSpecId && before === now) return;
  const name = `${current.identifier.namespace}.${current.identifier.name}`;
  throw new CommitConflictError(`the partitioning of ${name} was changed after the plan was made`, {
    details: { differences: [`${name}: ${before} -> ${now}`], replan: true },
    safe: 'nothing was published',
    next: `partwise resume ${context.runId} --replan`,
  });
}

function published(
  targets: readonly TargetTable[],
  snapshots: readonly (Snapshot | undefined)[],
  already: boolean,
): Published {
  return {
    alreadyPublished: already,
    snapshots: targets.flatMap((target, index) => {
      const snapshot = snapshots[index];
      if (snapshot === undefined) return [];
      return [
        {
          table: `${target.identifier.namespace}.${target.identifier.name}`,
          snapshotId: String(snapshot.snapshotId),
        },
      ];
    }),
    facts: {},
  };
}
