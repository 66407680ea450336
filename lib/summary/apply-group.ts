import type { EngineSession } from '../engine/engine.ts';
import { IntegrityError } from '../errors.ts';
import type { DataFile } from '../iceberg/types.ts';
import type { TableChange } from '../run/table-change.ts';
import type { RunContext } from '../run/workload.ts';
import type { SummaryShape } from './columns.ts';
import { sharesDeletes, tableChange } from './file-changes.ts';
import { deadRows, type OpenFile, type OpenFiles, scan } from './reading.ts';
import { hitsPerFile, hitTable } from './sql/apply.ts';
import { patched } from './sql/patch.ts';
import type { UnitTable } from './tables-io.ts';
import type { ApplyGroup, RewriteMode, RewrittenGroup, TouchedFile } from './types.ts';
import { rowsIn, writeDataFile, writePositionDeletes } from './writing.ts';

export interface GroupOptions {
  readonly context: RunContext;
  readonly session: EngineSession;
  readonly shape: SummaryShape;
  readonly table: UnitTable;
  readonly name: string;
  readonly set: OpenFiles;
  readonly group: ApplyGroup;
  /** Months of the change set. */
  readonly changed: readonly { readonly month: number; readonly sets: boolean; readonly owns: boolean }[];
}

export interface GroupResult {
  readonly change: TableChange;
  readonly files: readonly TouchedFile[];
  readonly rewritten: RewrittenGroup | undefined;
}

interface Hits {
  readonly file: OpenFile;
  readonly dead: number;
  readonly changed: number;
  readonly owns: number;
}

/** All files of one cell that are planned together: a key pass, then the changed rows or all rows once. */
export async function applyGroup(options: GroupOptions): Promise<GroupResult> {
  const { session, shape, set, group, changed } = options;
  const locations = new Set(group.files.map((file) => file.location));
  const files = set.files.filter((file) => locations.has(file.spec.location));
  const months = changed
    .filter((one) => one.sets && one.month < group.month && one.month > group.month - shape.historyLength)
    .map((one) => one.month);
  const owns = changed.some((one) => one.owns && one.month === group.month);
  if (months.length === 0 && !owns)
    return untouched(
      files.map((file) => ({ file, dead: 0, changed: 0, owns: 0 })),
      group,
    );

  await session.execute(hitTable(shape, set, files, group.month));
  const counts = new Map((await session.query(hitsPerFile)).map((row) => [Number(row['pw_file']), row]));
  const dead = await deadRows(session, set);
  const hits = files.map((file): Hits => {
    const row = counts.get(file.no);
    return {
      file,
      dead: dead.get(file.no) ?? 0,
      changed: Number(row?.['n'] ?? 0),
      owns: Number(row?.['owns'] ?? 0),
    };
  });
  if (hits.every((hit) => hit.changed === 0)) return untouched(hits, group);
  const mode = modeOf(options, hits);
  return mode === 'copy-on-write' ? copyOnWrite(options, hits, months) : mergeOnRead(options, hits, months);
}

/** The plan's mode, unless more of a file would be dead than the pipeline allows. */
function modeOf({ context, group }: GroupOptions, hits: readonly Hits[]): RewriteMode {
  if (group.mode === 'copy-on-write' || context.config.work.rewrite === 'merge-on-read') return group.mode;
  const limit = context.config.work.maxDeadFraction;
  return hits.some((hit) => (hit.dead + hit.changed) / hit.file.spec.rows > limit)
    ? 'copy-on-write'
    : 'merge-on-read';
}

async function copyOnWrite(
  options: GroupOptions,
  hits: readonly Hits[],
  months: readonly number[],
): Promise<GroupResult> {
  const { context, session, shape, set, group, table, name } = options;
  const files = hits.map((hit) => hit.file);
  const live = hits.reduce((sum, hit) => sum + hit.file.spec.rows - hit.dead, 0);
  const file = await writeDataFile({
    context,
    session,
    table,
    name,
    cell: group,
    select: patched({
      shape,
      month: group.month,
      months,
      from: scan(set, { files }),
      carry: true,
      runId: context.runId,
    }),
  });
  if (file?.rows !== live) {
    throw new IntegrityError(
      `rewriting ${files.length} files of ${live} live rows gave ${file?.rows ?? 0} rows`,
      {
        details: { files: files.map((one) => one.spec.location) },
        safe: 'the tables are untouched',
      },
    );
  }
  return {
    change: tableChange({ role: 'summary', added: [file], removed: group.files }),
    files: hits.map((hit) => touched(hit, group, 'copy-on-write')),
    rewritten: {
      ...cellOf(group),
      mode: 'copy-on-write',
      removed: group.files.map((one) => one.location),
      added: [added(file, group)],
    },
  };
}

async function mergeOnRead(
  options: GroupOptions,
  hits: readonly Hits[],
  months: readonly number[],
): Promise<GroupResult> {
  const { context, session, shape, set, group, table, name } = options;
  const files = hits.filter((hit) => hit.changed > 0).map((hit) => hit.file);
  const rows = scan(set, { files, wanted: 'pw_hit' });
  const file = await writeDataFile({
    context,
    session,
    table,
    name,
    cell: group,
    select: patched({ shape, month: group.month, months, from: rows, carry: false, runId: context.runId }),
  });
  const changed = hits.reduce((sum, hit) => sum + hit.changed, 0);
  if (file?.rows !== changed) {
    throw new IntegrityError(`patching ${changed} rows gave ${file?.rows ?? 0}`, {
      safe: 'the tables are untouched',
    });
  }
  const shared = sharesDeletes(group.files);
  const redeleted = hits.filter((hit) => hit.changed > 0 || (shared && hit.file.spec.deletes.length > 0));
  const deletes: DataFile[] = [];
  for (const hit of redeleted) {
    const written = await deletePositions(options, hit);
    if (written !== undefined) deletes.push(written);
  }
  return {
    change: tableChange({
      role: 'summary',
      added: [file],
      addedDeletes: deletes,
      redeleted: redeleted.map((hit) => hit.file.spec),
    }),
    files: hits.map((hit) => touched(hit, group, 'merge-on-read')),
    rewritten: {
      ...cellOf(group),
      mode: 'merge-on-read',
      removed: [],
      added: rowsIn([file]) === 0 ? [] : [added(file, group)],
    },
  };
}

/** One delete file for the data file: the positions that were dead already and those of this run. */
function deletePositions(options: GroupOptions, hit: Hits): Promise<DataFile | undefined> {
  const { context, session, set, table, name } = options;
  const old =
    hit.file.spec.deletes.length === 0
      ? ''
      : ` UNION SELECT pw_pos FROM ${set.name}_dead WHERE pw_file = ${hit.file.no}`;
  return writePositionDeletes({
    context,
    session,
    table,
    specs: table.specs,
    name,
    target: hit.file.spec,
    positions: `SELECT pw_pos FROM pw_hit WHERE pw_file = ${hit.file.no}${old}`,
  });
}

function untouched(hits: readonly Hits[], group: ApplyGroup): GroupResult {
  return {
    change: tableChange({ role: 'summary' }),
    files: hits.map((hit) => touched(hit, group, 'untouched')),
    rewritten: undefined,
  };
}

function touched(hit: Hits, group: ApplyGroup, mode: TouchedFile['mode']): TouchedFile {
  const live = hit.file.spec.rows - hit.dead;
  const unchangedFile = mode === 'merge-on-read' && hit.changed === 0;
  return {
    location: hit.file.spec.location,
    ...cellOf(group),
    mode: unchangedFile ? 'untouched' : mode,
    rowsBefore: hit.file.spec.rows,
    liveBefore: live,
    rowsChanged: hit.changed,
    ownRowsChanged: hit.owns,
    rowsCarried: live - hit.changed,
  };
}

function cellOf({ month, bucket }: ApplyGroup) {
  return { month, bucket };
}

function added(file: DataFile, group: ApplyGroup) {
  return { location: file.location, ...cellOf(group), rows: file.rows };
}
