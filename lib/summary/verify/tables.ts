import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SummaryConfig } from '../../config/schema.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { TableNotFoundError } from '../../errors.ts';
import {
  bucketField,
  currentSchema,
  currentSnapshot,
  laterColumns,
  liveDeleteFiles,
  liveFiles,
  type ScanFile,
  type Schema,
  specById,
  type Table,
  withMissingColumns,
} from '../../iceberg/index.ts';
import { sideBySide } from '../../run/side-by-side.ts';
import type { AuditReport, World } from '../../run/workload.ts';
import { normalizeLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { scanned } from '../../upkeep/live-rows.ts';
import { type Findings, findings } from '../audit/findings.ts';
import { openBucketSpool } from '../audit/spool.ts';
import { roles, type StateFile } from '../audit/state.ts';
import { summaryShape } from '../tables/columns.ts';
import { bucketsOf, findTable } from '../tables/pin-config.ts';
import { type Role, targetTables } from '../tables/tables.ts';
import { type BucketTables, verifyBucket } from './bucket.ts';
import { verifyFiles } from './files.ts';
import { type WrongArrays, withBucket } from './wrong-arrays.ts';

interface VerifyTablesOptions {
  /** Default `main`. */
  readonly branch?: string;
  /** Also the arrays, the grids and `latest` in every column: reads every byte. Otherwise keys, months and files. */
  readonly full: boolean;
}

/**
 * Whether the tables of a pipeline can be what the rules make: files as the manifests record them, no (key, month)
 * twice, arrays that agree with the stored months, `latest` the newest alive row of every key. Needs no run and no
 * source; streams by bucket, so memory is bounded by the keys of one bucket per session.
 * @throws TableNotFoundError when there is no summary table
 */
export async function verifyTables(
  world: World,
  config: SummaryConfig,
  options: VerifyTablesOptions,
): Promise<AuditReport> {
  const found = findings();
  const shape = summaryShape(config);
  const schemas = new Map<Role, Schema>();
  const buckets = new Map<Role, number | undefined>();
  const targets = targetTables(config, world.warehouse.root);
  let later: ReadonlySet<string> = new Set();
  await using spool = await openBucketSpool<readonly [Role, StateFile]>(`${world.workRoot}/verify`);
  for (const role of roles) {
    const table = await spoolTable(world, config, role, options.branch, found, (bucket, file) =>
      spool.add(bucket, [role, file]),
    );
    if (table === undefined) continue;
    const target = targets.find((one) => one.role === role);
    const complete = withMissingColumns(table, target?.fields ?? []);
    schemas.set(role, currentSchema(complete));
    if (role === 'summary') later = laterColumns(complete);
    buckets.set(role, bucketsOf(table));
  }
  if (!schemas.has('summary'))
    throw new TableNotFoundError(`pipeline ${config.pipeline} has no summary table yet`);
  let checked = 0;
  let wrongArrays: WrongArrays | undefined;
  const sessions = { ...world.resources, open: (share: SessionShare) => openSession(world, share) };
  await sideBySide(sessions, spool.buckets(), async (session, [bucket, lines]) => {
    const files = (role: Role) => lines.filter(([one]) => one === role).map(([, file]) => file);
    const tables: BucketTables = {
      world,
      session,
      shape,
      findings: found,
      schemas,
      later,
      bucket,
      buckets: buckets.get('summary'),
      files,
      onWrongArrays: (some) => {
        wrongArrays = withBucket(wrongArrays, some);
      },
    };
    await verifyFiles(tables);
    await verifyBucket(tables, options.full);
    checked += 1;
  });
  return found.report({
    buckets: checked,
    full: options.full,
    ...(wrongArrays === undefined ? {} : { wrongArrays }),
  });
}

/** Keys of one bucket lie in several of another number of them: no run finds their rows. */
function refuseOtherBuckets(table: Table, { file }: ScanFile, found: Findings): void {
  const wanted = bucketsOf(table);
  const count = bucketField(specById(table, file.specId))?.count;
  if (count === wanted) return;
  found.failed(
    'file counts',
    `${file.location}: written for ${count ?? 'no'} buckets, and the table has ${wanted}; partwise rebucket --buckets ${wanted} rewrites such files`,
  );
}

/** Hands over the live files of one table and holds every file's length to its manifest entry. */
async function spoolTable(
  world: World,
  config: SummaryConfig,
  role: Role,
  branch: string | undefined,
  found: Findings,
  add: (bucket: number, file: StateFile) => Promise<void>,
): Promise<Table | undefined> {
  const store = world.warehouse;
  const table = await findTable(world, config, role);
  const snapshot = table === undefined ? undefined : currentSnapshot(table, branch);
  if (table === undefined || snapshot === undefined) return table;
  const lengthOf = async (file: { readonly location: Location; readonly sizeBytes: number }) => {
    found.checked('file counts', 1);
    const info = await store.head(file.location);
    if (info?.sizeBytes === file.sizeBytes) return true;
    found.failed(
      'file counts',
      `${role} ${file.location}: ${file.sizeBytes} bytes recorded, ${info === undefined ? 'the file is gone' : `${info.sizeBytes} found`}`,
    );
    return info !== undefined;
  };
  const scan = { store, table, snapshotId: snapshot.snapshotId, statistics: false };
  let rows = 0;
  for await (const one of liveFiles(scan)) {
    rows += one.file.rows;
    if (!(await lengthOf(one.file))) continue;
    refuseOtherBuckets(table, one, found);
    const { location, deletes } = scanned(one);
    await add(Number(one.file.partition.at(-1) ?? 0), {
      location: normalizeLocation(location),
      deletes: deletes.map(normalizeLocation),
      month: role === 'summary' ? String(one.file.partition[0] ?? '') : '',
      rows: one.file.rows,
      sizeBytes: one.file.sizeBytes,
    });
  }
  for await (const one of liveDeleteFiles(scan)) await lengthOf(one.file);
  const recorded = snapshot.summary['total-records'];
  if (recorded !== undefined && Number(recorded) !== rows) {
    found.failed('row balance', `${role}: the snapshot records ${recorded} rows, its manifests ${rows}`);
  }
  return table;
}

interface SessionShare {
  readonly threads: number;
  readonly memoryBytes: number;
}

function openSession(world: World, share: SessionShare): Promise<EngineSession> {
  return world.engine.open({
    ...share,
    workFolder: join(world.workRoot, `verify-${randomBytes(4).toString('hex')}`),
  });
}
