import { dataFileFromJson } from '../../iceberg/index.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import type { Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { type GroupResult, groupFiles, rewriteGroup, untouchedGroup } from '../apply/rewrite-group.ts';
import { mergeChanges } from '../files/file-changes.ts';
import { openFiles, scan } from '../files/reading.ts';
import { unitTable } from '../files/tables-io.ts';
import { inUnitRoom } from '../files/unit-room.ts';
import { bytesIn } from '../files/writing.ts';
import { remakeLatest } from '../repair/unit.ts';
import { storedNames, summaryShape } from '../tables/columns.ts';
import type { ApplyGroup, FileSpec, RewrittenGroup, SummaryContext, TouchedFile } from '../types.ts';
import { computeRebuilt, type RowScope } from './compute.ts';
import { filesAfter } from './files-after.ts';
import { keysWithRows } from './missing.ts';
import { emptyRebuilt, rebuiltHits, rebuiltRows } from './sql.ts';

export const rebuildStage = 'rebuild';

/** One bucket of the stage `rebuild`. */
export interface RebuildSpec {
  readonly stage: typeof rebuildStage;
  readonly bucket: number;
  readonly buckets: number;
  /** Digest of the columns that files are written with. */
  readonly columns: string;
  readonly scope: { readonly keys: readonly string[] | null; readonly first: number; readonly last: number };
  readonly summary: readonly FileSpec[];
  readonly latest: readonly FileSpec[];
  /** The cells in which rows may change. */
  readonly groups: readonly ApplyGroup[];
}

export interface RebuildOutcome {
  readonly stage: typeof rebuildStage;
  readonly bucket: number;
  readonly changes: readonly TableChange[];
  /** Rows of the scope, and those of them that were wrong. */
  readonly rows: number;
  readonly rebuilt: number;
  /** Of named keys: those that have rows in the scope, as text. */
  readonly foundKeys: readonly string[];
  /** Rows of latest that were written; 0 when it was, and is, what summary says. */
  readonly latestWritten: number;
  readonly files: readonly TouchedFile[];
  readonly groups: readonly RewrittenGroup[];
}

/** Recomputes the arrays of one bucket's rows, rewrites those that were wrong, and brings latest in line with them. */
export async function rebuildUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: RebuildSpec,
): Promise<UnitResult> {
  const outcome = await inUnitRoom({
    context,
    item,
    attempt: () => rebuild(context, plan, item, spec),
    withLess: context.threads === 1 ? undefined : () => rebuild(context, plan, item, spec, { threads: 1 }),
  });
  const bytes = outcome.changes.reduce((sum, change) => sum + bytesIn(change.added.map(dataFileFromJson)), 0);
  return { rows: outcome.rows, bytes, outcome };
}

async function rebuild(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: RebuildSpec,
  share = {},
): Promise<RebuildOutcome> {
  await using session = await context.session(`${item.stage}-${item.unit}`, share);
  const shape = summaryShape(context.config);
  const store = context.world.warehouse;
  const table = await unitTable(context, plan, 'summary');
  const latestTable = await unitTable(context, plan, 'latest');
  const name = `${context.runId}-${item.unit}`;
  const summary = await openFiles({
    session,
    store,
    name: 'pw_summary',
    schema: table.schema,
    files: spec.summary,
  });
  const scope: RowScope = { ...spec.scope, keys: spec.scope.keys ?? undefined };
  await session.execute(emptyRebuilt(shape));
  const rows = await computeRebuilt({ session, shape, summary, scope });
  const foundKeys = scope.keys === undefined ? [] : await keysWithRows(session, scope);
  const touched = new Set(
    (await session.query('SELECT DISTINCT pw_file FROM pw_rebuilt')).map((row) => Number(row['pw_file'])),
  );

  const results: GroupResult[] = [];
  let files = spec.summary;
  for (const group of spec.groups) {
    const options = { context, session, table, name, set: summary, group };
    const own = groupFiles(options);
    if (!own.some(({ no }) => touched.has(no))) {
      results.push(untouchedGroup(options));
      continue;
    }
    await session.execute(rebuiltHits(own.map(({ no }) => no)));
    const columns = storedNames(shape);
    const result = await rewriteGroup(options, {
      all: rebuiltRows(shape, scan(summary, { files: own, columns }), context.runId, true),
      changed: (some) =>
        rebuiltRows(shape, scan(summary, { files: some, columns, wanted: 'pw_hit' }), context.runId, false),
    });
    files = filesAfter(files, result.change, group);
    results.push(result);
  }
  const [counted] = await session.query('SELECT count(*) AS n FROM pw_rebuilt');
  const open = {
    session,
    shape,
    summary: await openFiles({ session, store, name: 'pw_after', schema: table.schema, files }),
    latest: await openFiles({
      session,
      store,
      name: 'pw_latest',
      schema: latestTable.schema,
      files: spec.latest,
    }),
  };
  const latest = await remakeLatest({ context, open, table: latestTable, name, ...spec });
  return {
    stage: rebuildStage,
    bucket: spec.bucket,
    changes: [...mergeChanges(results.map(({ change }) => change)), ...latest.changes],
    rows,
    rebuilt: Number(counted?.['n'] ?? 0),
    foundKeys,
    latestWritten: latest.written,
    files: results.flatMap((result) => result.files),
    groups: results.flatMap(({ rewritten }) => (rewritten === undefined ? [] : [rewritten])),
  };
}
