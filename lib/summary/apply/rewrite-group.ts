import type { EngineSession } from '../../engine/engine.ts';
import { IntegrityError } from '../../errors.ts';
import type { DataFile } from '../../iceberg/types.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import { sharesDeletes, tableChange } from '../files/file-changes.ts';
import { deadRows, type OpenFile, type OpenFiles } from '../files/reading.ts';
import type { UnitTable } from '../files/tables-io.ts';
import { writeDataFile, writePositionDeletes } from '../files/writing.ts';
import { hitsPerFile } from '../sql/apply.ts';
import type { ApplyGroup, RewriteMode, RewrittenGroup, SummaryContext, TouchedFile } from '../types.ts';

/** Replacing the changed rows of one group of files, whoever made the new rows. */

export interface RewriteOptions {
  readonly context: SummaryContext;
  readonly session: EngineSession;
  readonly table: UnitTable;
  /** Starts the names of all files that are written. */
  readonly name: string;
  readonly set: OpenFiles;
  readonly group: ApplyGroup;
}

/**
 * The group's rows as they are afterwards, all live ones or only those that change: SELECTs, or files that hold what the
 * group's planned mode asks for already.
 */
export type GroupRows =
  | { readonly all: string; readonly changed: (files: readonly OpenFile[]) => string }
  | { readonly written: readonly DataFile[] };

export interface GroupResult {
  readonly change: TableChange;
  readonly files: readonly TouchedFile[];
  readonly rewritten: RewrittenGroup | undefined;
}

/** How much of a file is concerned. */
interface Hits {
  readonly file: OpenFile;
  readonly dead: number;
  readonly changed: number;
  readonly owns: number;
}

export function groupFiles({ set, group }: Pick<RewriteOptions, 'set' | 'group'>): readonly OpenFile[] {
  const locations = new Set(group.files.map((file) => file.location));
  return set.files.filter((file) => locations.has(file.spec.location));
}

/**
 * Writes what the group's mode asks for. `pw_hit` holds the places of the changed rows.
 * @throws IntegrityError when other rows came out than went in
 */
export async function rewriteGroup(options: RewriteOptions, rows: GroupRows): Promise<GroupResult> {
  const { session, set, group } = options;
  const counts = new Map((await session.query(hitsPerFile)).map((row) => [Number(row['pw_file']), row]));
  const dead = await deadRows(session, set);
  const hits = groupFiles(options).map((file): Hits => {
    const row = counts.get(file.no);
    return {
      file,
      dead: dead.get(file.no) ?? 0,
      changed: Number(row?.['n'] ?? 0),
      owns: Number(row?.['owns'] ?? 0),
    };
  });
  if (hits.every((hit) => hit.changed === 0)) return result(group, hits, 'untouched');
  const mode = 'written' in rows ? group.mode : modeOf(options, hits);
  if ('written' in rows)
    return mode === 'copy-on-write'
      ? copyOnWrite(options, hits, rows.written)
      : mergeOnRead(options, hits, rows.written);
  const write = async (select: string) => {
    const file = await writeDataFile({ ...options, cell: group, select });
    return file === undefined ? [] : [file];
  };
  if (mode === 'copy-on-write') return copyOnWrite(options, hits, await write(rows.all));
  const concerned = hits.filter((hit) => hit.changed > 0).map((hit) => hit.file);
  return mergeOnRead(options, hits, await write(rows.changed(concerned)));
}

/** A group that no change of the run concerns; nothing of it was read. */
export function untouchedGroup(options: Pick<RewriteOptions, 'set' | 'group'>): GroupResult {
  const hits = groupFiles(options).map((file) => ({ file, dead: 0, changed: 0, owns: 0 }));
  return result(options.group, hits, 'untouched');
}

/** The plan's mode, unless more of the group would be dead than the pipeline allows. */
function modeOf({ context, group }: RewriteOptions, hits: readonly Hits[]): RewriteMode {
  if (group.mode === 'copy-on-write' || context.config.work.rewrite === 'merge-on-read') return group.mode;
  const limit = context.config.work.maxDeadFraction;
  const gone = hits.reduce((sum, hit) => sum + hit.dead + hit.changed, 0);
  const rows = hits.reduce((sum, hit) => sum + hit.file.spec.rows, 0);
  return gone / rows > limit ? 'copy-on-write' : 'merge-on-read';
}

function copyOnWrite(
  options: RewriteOptions,
  hits: readonly Hits[],
  added: readonly DataFile[],
): GroupResult {
  const { group } = options;
  const live = hits.reduce((sum, hit) => sum + hit.file.spec.rows - hit.dead, 0);
  refuseOtherCount(group, live, added);
  const change = tableChange({ role: 'summary', added, removed: group.files });
  return result(group, hits, 'copy-on-write', change, added);
}

async function mergeOnRead(
  options: RewriteOptions,
  hits: readonly Hits[],
  added: readonly DataFile[],
): Promise<GroupResult> {
  const { group } = options;
  const changed = hits.reduce((sum, hit) => sum + hit.changed, 0);
  refuseOtherCount(group, changed, added);
  const shared = sharesDeletes(group.files);
  const redeleted = hits.filter((hit) => hit.changed > 0 || (shared && hit.file.spec.deletes.length > 0));
  const deletes: DataFile[] = [];
  for (const hit of redeleted) {
    const written = await deletePositions(options, hit);
    if (written !== undefined) deletes.push(written);
  }
  const change = tableChange({
    role: 'summary',
    added,
    addedDeletes: deletes,
    redeleted: redeleted.map((hit) => hit.file.spec),
  });
  return result(group, hits, 'merge-on-read', change, added);
}

/** @throws IntegrityError when other rows came out than went in */
function refuseOtherCount(group: ApplyGroup, expected: number, added: readonly DataFile[]): void {
  const written = added.reduce((sum, file) => sum + file.rows, 0);
  if (written === expected) return;
  throw new IntegrityError(`${expected} rows of ${group.files.length} files became ${written}`, {
    details: { files: group.files.map((file) => file.location) },
    safe: 'the tables are untouched',
  });
}

/** One delete file for the data file: the positions that were dead already and those of this run. */
function deletePositions(options: RewriteOptions, hit: Hits): Promise<DataFile | undefined> {
  const { table, set } = options;
  const dead = `SELECT pw_pos FROM ${set.name}_dead WHERE pw_file = ${hit.file.no}`;
  const old = hit.file.spec.deletes.length === 0 ? '' : ` UNION ${dead}`;
  return writePositionDeletes({
    ...options,
    specs: table.specs,
    target: hit.file.spec,
    positions: `SELECT pw_pos FROM pw_hit WHERE pw_file = ${hit.file.no}${old}`,
  });
}

function result(
  group: ApplyGroup,
  hits: readonly Hits[],
  mode: TouchedFile['mode'],
  change: TableChange = tableChange({ role: 'summary' }),
  added: readonly DataFile[] = [],
): GroupResult {
  const cell = { month: group.month, bucket: group.bucket };
  return {
    change,
    files: hits.map((hit) => touchedFile(hit, cell, mode)),
    rewritten:
      mode === 'untouched'
        ? undefined
        : {
            ...cell,
            mode,
            removed: mode === 'copy-on-write' ? group.files.map((one) => one.location) : [],
            added: added.map(({ location, rows }) => ({ location, ...cell, rows })),
          },
  };
}

function touchedFile(
  hit: Hits,
  cell: { readonly month: number; readonly bucket: number },
  mode: TouchedFile['mode'],
): TouchedFile {
  const live = hit.file.spec.rows - hit.dead;
  return {
    location: hit.file.spec.location,
    ...cell,
    mode: mode === 'merge-on-read' && hit.changed === 0 ? 'untouched' : mode,
    rowsBefore: hit.file.spec.rows,
    liveBefore: live,
    rowsChanged: hit.changed,
    ownRowsChanged: hit.owns,
    rowsCarried: live - hit.changed,
  };
}
