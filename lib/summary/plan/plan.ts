import { configDigest } from '../../config/digest.ts';
import { ConfigError, TableNotFoundError } from '../../errors.ts';
import { currentSchema, currentSnapshot, type Table, withMissingColumns } from '../../iceberg/index.ts';
import { mayUseSpark } from '../../run/engines/choose-engine.ts';
import type { DeadlinePlan } from '../../run/engines/deadline.ts';
import { type EngineFacts, engineFacts } from '../../run/engines/engine-facts.ts';
import { sha256 } from '../../run/layout.ts';
import { needSpark } from '../../run/spark/use.ts';
import { type PlannedUnit, unitId, writeStage } from '../../run/units/stages.ts';
import type { Plan, Prepared } from '../../run/workload.ts';
import { type SummaryShape, summaryShape } from '../tables/columns.ts';
import { refuseOtherBuckets } from '../tables/other-buckets.ts';
import { findTable } from '../tables/pin-config.ts';
import { type Role, roles, tableIdentifier, targetTables } from '../tables/tables.ts';
import {
  type ApplyGroup,
  type ApplySpec,
  checkStage,
  type FileSpec,
  type ResolveSpec,
  type SummaryContext,
  type SummaryPlanFacts,
} from '../types.ts';
import { planChecks } from './checks.ts';
import { type RoutedGroups, routePlan } from './engine.ts';
import { estimate } from './estimate.ts';
import { explain } from './explain.ts';
import { filesByBucket } from './files.ts';
import { fromMonthFirst, groupBytes, packGroups, planGroups } from './groups.ts';
import { type BucketInput, bucketInputs } from './input.ts';
import { chooseStrategy } from './strategy.ts';
import { unitLimit } from './unit-limit.ts';

/** Plans a run from manifests and prepared counts; no data file is opened. */
export async function planSummary(context: SummaryContext, prepared: AsyncIterable<Prepared>): Promise<Plan> {
  const { config, world } = context;
  const shape = summaryShape(config);
  if (mayUseSpark(config)) needSpark(world);
  const count = config.tables.buckets;
  if (count === undefined) throw new ConfigError('tables.buckets is not decided yet');
  const inputs = await bucketInputs(prepared);
  const tables = new Map<Role, Table | undefined>();
  for (const role of roles) tables.set(role, await findTable(world, config, role));
  const summary = tables.get('summary');
  if (summary !== undefined) {
    refuseOtherBuckets(summary, context);
    refuseWithoutLatest(context, summary, tables.get('latest'));
  }

  const buckets = new Set(inputs.keys());
  const filesOf = async (role: Role): Promise<ReadonlyMap<number, FileSpec[]>> => {
    const table = tables.get(role);
    if (table === undefined) return new Map();
    const month = role === 'summary' ? config.month : undefined;
    return filesByBucket({
      store: world.warehouse,
      table,
      branch: context.branch,
      key: config.key,
      month,
      count,
      buckets,
    });
  };
  const files = {
    summary: await filesOf('summary'),
    latest: await filesOf('latest'),
    tombstones: await filesOf('tombstones'),
  };

  const columns = columnsDigest(context, tables);
  const split = [...inputs].map(([bucket, input]) => resolveUnitOf({ bucket, count, columns, input, files }));
  const groupsOf = split.map((unit) => planGroups(config, unit.specification));
  const groups = groupsOf.flat();
  const { strategy, reason: strategyReason } = chooseStrategy(config, split, groups);
  const limitBytes = unitLimit(
    context,
    groups.reduce((sum, group) => sum + groupBytes(group), 0),
  );
  const routed = await routePlan(context, {
    strategy,
    resolve: strategy === 'partitionwise' ? split : [],
    apply: fromMonthFirst(groups, config.work.fromMonth).map((part) => packGroups(part, limitBytes)),
  });
  const units =
    strategy === 'partitionwise'
      ? routed.resolve.map(({ unit }) => unit)
      : split.map((unit, index) => ({
          ...unit,
          bytes: unit.specification.summary.reduce((sum, file) => sum + file.sizeBytes, unit.bytes),
          specification: { ...unit.specification, strategy, groups: groupsOf[index] ?? [] },
        }));
  const resolve = await writeStage(context, 'resolve', context.planGeneration, units);
  const applied = [...applyUnits(units, routed.apply)];
  const apply = await writeStage(context, 'apply', context.planGeneration, applied);
  const checks = planChecks({ context, tables, resolve: units, apply: applied, groups, limitBytes });
  const check =
    checks.units.length === 0
      ? []
      : [await writeStage(context, checkStage, context.planGeneration, checks.units)];
  const months = [...inputs.values()].flatMap((input) => [...input.months.keys()]);
  const facts: SummaryPlanFacts = {
    strategy,
    buckets: count,
    firstMonth: months.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    lastMonth: months.reduce((a, b) => Math.max(a, b), 0),
    touchedBuckets: [...buckets],
    preparedRows: units.reduce((sum, unit) => sum + unit.rows, 0),
    preparedDeletes: units.reduce(
      (sum, unit) => sum + unit.specification.months.reduce((a, [, , deletes]) => a + deletes, 0),
      0,
    ),
    sampledBuckets: checks.sampledBuckets,
  };
  const planned = {
    config,
    shape,
    units,
    groups: routed.apply.some(({ route }) => route.engine === 'spark')
      ? routed.apply.flatMap((unit) => unit.groups)
      : groups,
    facts,
    applyUnits: apply.units,
    engines: strategy === 'unified' ? undefined : engineFacts(context, [...routed.resolve, ...routed.apply]),
    deadline: routed.deadline,
    threads: config.work.threads ?? world.resources.threads,
  };
  const head = {
    formatVersion: 1 as const,
    runId: context.runId,
    pipeline: config.pipeline,
    configDigest: configDigest(config),
    branch: context.branch,
    createdMs: world.clock.now(),
    outcome: units.length === 0 ? ('nothing' as const) : ('work' as const),
    strategy,
    strategyReason,
    pins: roles.map((role) => pinOf(context, role, tables.get(role))),
    stages: [resolve, apply, ...check],
    estimate: estimate(planned),
    explanation: [...explain(planned, strategyReason), ...newColumns(context, tables)],
    workload: facts,
  };
  return { ...head, digest: sha256(JSON.stringify(head)) };
}

/** Units that write under other field ids are other units. */
export function columnsDigest(context: SummaryContext, tables: ReadonlyMap<Role, Table | undefined>): string {
  const targets = targetTables(context.config, context.world.warehouse.root);
  const fields = targets.map((target) => {
    const table = tables.get(target.role as Role);
    return table === undefined
      ? target.fields
      : currentSchema(withMissingColumns(table, target.fields)).fields;
  });
  return sha256(JSON.stringify(fields)).slice(0, 16);
}

/** What publish will add to the tables that are there, one line each. */
function newColumns(
  context: SummaryContext,
  tables: ReadonlyMap<Role, Table | undefined>,
): readonly string[] {
  return targetTables(context.config, context.world.warehouse.root).flatMap(({ role, fields }) => {
    const table = tables.get(role as Role);
    if (table === undefined) return [];
    const stored = new Set(currentSchema(table).fields.map((field) => field.name));
    const names = fields.filter((field) => !stored.has(field.name)).map((field) => field.name);
    return names.length === 0 ? [] : [`${role} gains ${names.join(', ')}; NULL in the rows stored so far`];
  });
}

/** A unit of `resolve` with its specification, typed. */
export type PlannedResolve = PlannedUnit & { readonly specification: ResolveSpec };

interface ResolveInputs {
  readonly bucket: number;
  readonly count: number;
  readonly columns: string;
  readonly input: BucketInput;
  readonly files: Readonly<Record<Role, ReadonlyMap<number, FileSpec[]>>>;
}

function resolveUnitOf({ bucket, count, columns, input, files }: ResolveInputs): PlannedResolve {
  const months = [...input.months]
    .sort(([a], [b]) => a - b)
    .map(([month, [rows, deletes]]) => [month, rows, deletes] as const);
  const specification: ResolveSpec = {
    stage: 'resolve',
    strategy: 'partitionwise',
    bucket,
    buckets: count,
    columns,
    sources: input.sources,
    feed: input.feed,
    months,
    summary: files.summary.get(bucket) ?? [],
    latest: files.latest.get(bucket) ?? [],
    tombstones: files.tombstones.get(bucket) ?? [],
    groups: [],
  };
  return {
    label: bucketLabel(bucket),
    rows: months.reduce((sum, [, rows]) => sum + rows, 0),
    bytes: specification.latest.reduce((sum, file) => sum + file.sizeBytes, 0),
    specification,
  };
}

function* applyUnits(
  units: readonly PlannedResolve[],
  routed: readonly RoutedGroups[],
): Iterable<PlannedUnit> {
  const resolvers = new Map(units.map((unit) => [unit.specification.bucket, unitId(unit)]));
  for (const { route, groups: some } of routed) {
    const buckets = [...new Set(some.map((group) => group.bucket))];
    const bytes = some.reduce((sum, group) => sum + groupBytes(group), 0);
    const specification: ApplySpec = {
      stage: 'apply',
      resolve: buckets.map((bucket) => ({ bucket, unit: resolvers.get(bucket) ?? '' })),
      ...(route.engine === 'spark' ? { engine: 'spark' } : {}),
      groups: some,
    };
    yield {
      label: bucketLabel(buckets[0] ?? 0),
      rows: some.reduce((sum, group) => sum + group.expectedRows, 0),
      bytes,
      specification,
    };
  }
}

export function bucketLabel(bucket: number): string {
  return `b${String(bucket).padStart(5, '0')}`;
}

export function pinOf(context: SummaryContext, role: Role, table: Table | undefined): Plan['pins'][number] {
  const { namespace, name } = tableIdentifier(context.config, role);
  const snapshot =
    table === undefined ? undefined : (currentSnapshot(table, context.branch) ?? currentSnapshot(table));
  return {
    table: `${namespace}.${name}`,
    snapshotId: snapshot === undefined ? undefined : String(snapshot.snapshotId),
    metadataLocation: table?.metadataLocation,
    uuid: table?.metadata.tableUuid,
  };
}

/** What the plan's explanation and estimate are made from. */
export interface PlannedWork {
  readonly config: SummaryContext['config'];
  readonly shape: SummaryShape;
  readonly units: readonly PlannedResolve[];
  readonly groups: readonly ApplyGroup[];
  readonly facts: SummaryPlanFacts;
  readonly applyUnits: number;
  /** Who runs the units; undefined where nothing was to be decided. */
  readonly engines: EngineFacts | undefined;
  readonly deadline: DeadlinePlan | undefined;
  readonly threads: number;
}

/** Which keys are known, and what their arrays hold, is asked of latest: without it every key would be taken for a new one. */
function refuseWithoutLatest(context: SummaryContext, summary: Table, latest: Table | undefined): void {
  const snapshot = currentSnapshot(summary);
  if (latest !== undefined || snapshot === undefined || snapshot.summary['total-records'] === '0') return;
  const { namespace, name } = tableIdentifier(context.config, 'latest');
  throw new TableNotFoundError(`${namespace}.${name} is gone, and ${summary.identifier.name} holds rows`, {
    safe: 'the tables are untouched; the files are kept for the run',
    next: `partwise repair latest --all, then partwise resume ${context.runId}`,
  });
}
