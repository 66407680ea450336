import type { SummaryConfig } from '../../config/schema.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { IntegrityError } from '../../errors.ts';
import type { DataFile } from '../../iceberg/types.ts';
import { sharesDeletes } from '../files/file-changes.ts';
import type { OpenFiles } from '../files/reading.ts';
import type { UnitTable } from '../files/tables-io.ts';
import { writePositionDeletes } from '../files/writing.ts';
import type { FileSpec, ResolveOutcome, SummaryContext } from '../types.ts';

type LatestCounts = ResolveOutcome['latest'];

/** When a bucket's files of latest are rewritten rather than marked, by how many of their rows go. */
export type CopyRule =
  | { readonly copies: 'never' | 'whenRowsGo' | 'whenAllGo' }
  /** Or when so many rows of the files are dead afterwards. */
  | { readonly copies: 'aboveDead'; readonly deadRows: number };

/** Rewriting beats deleting positions when much of the files is dead or in small pieces. */
export function copyRule(work: SummaryConfig['work'], files: readonly FileSpec[]): CopyRule {
  const { rewrite, maxDeadFraction, maxSmallFiles } = work;
  if (files.length === 0) return { copies: 'never' };
  if (sharesDeletes(files)) return { copies: 'whenRowsGo' };
  if (rewrite !== 'auto') return { copies: rewrite === 'copy-on-write' ? 'whenRowsGo' : 'whenAllGo' };
  if (files.length >= maxSmallFiles) return { copies: 'whenRowsGo' };
  return { copies: 'aboveDead', deadRows: maxDeadFraction * totalRows(files) };
}

export function copiesLatest(
  work: SummaryConfig['work'],
  files: readonly FileSpec[],
  { removed, liveBefore }: LatestCounts,
): boolean {
  const rule = copyRule(work, files);
  if (removed === 0 || rule.copies === 'never') return false;
  if (rule.copies === 'whenRowsGo' || removed === liveBefore) return true;
  return rule.copies === 'aboveDead' && totalRows(files) - liveBefore + removed > rule.deadRows;
}

export function totalRows(files: readonly FileSpec[]): number {
  return files.reduce((sum, file) => sum + file.rows, 0);
}

interface DeleteOptions {
  readonly context: SummaryContext;
  readonly session: EngineSession;
  readonly table: UnitTable;
  /** Starts the names of the delete files. */
  readonly name: string;
  /** The bucket's files of latest, opened. */
  readonly set: OpenFiles;
  /** SELECT of pw_file, pw_pos: rows that go. */
  readonly gone: string;
}

/** Marks old rows, with those that were marked before: one delete file per data file. */
export async function deleteOldRows({ context, session, table, name, set, gone }: DeleteOptions): Promise<{
  readonly addedDeletes: readonly DataFile[];
  readonly redeleted: readonly FileSpec[];
}> {
  const addedDeletes: DataFile[] = [];
  const redeleted: FileSpec[] = [];
  const touched = await session.query(`SELECT DISTINCT pw_file FROM (${gone}) ORDER BY pw_file`);
  for (const row of touched) {
    const open = set.files[Number(row['pw_file'])];
    if (open === undefined) continue;
    const old =
      open.spec.deletes.length === 0
        ? ''
        : ` UNION SELECT pw_pos FROM ${set.name}_dead WHERE pw_file = ${open.no}`;
    const deletes = await writePositionDeletes({
      context,
      session,
      table,
      specs: table.specs,
      name,
      target: open.spec,
      positions: `SELECT pw_pos FROM (${gone}) WHERE pw_file = ${open.no}${old}`,
    });
    if (deletes !== undefined) addedDeletes.push(deletes);
    redeleted.push(open.spec);
  }
  return { addedDeletes, redeleted };
}

/** @throws IntegrityError when latest would gain or lose rows */
export function refuseOtherCount(
  copied: boolean,
  { liveBefore, removed, added }: LatestCounts,
  files: readonly DataFile[],
): void {
  const expected = copied ? liveBefore - removed + added : added;
  const found = files.reduce((sum, file) => sum + file.rows, 0);
  if (found === expected) return;
  throw new IntegrityError(`latest: ${expected} rows became ${found}`, { safe: 'the tables are untouched' });
}
