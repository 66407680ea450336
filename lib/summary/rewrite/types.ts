import type { TableChange } from '../../run/publish/table-change.ts';
import type { StateDigest } from '../audit/digest.ts';
import type { FoundCheck } from '../audit/findings.ts';
import type { Role } from '../tables/tables.ts';
import type { DeleteFileSpec, FileSpec } from '../types.ts';

export const rewriteStage = 'rewrite';
/** Holds what the units of `rewrite` wrote against what they read. */
export const compareStage = 'compare';

/** Files whose live rows go into cells of one month: those of the given buckets, and no others. */
export interface RewritePiece {
  /** 0 in tables without months. */
  readonly month: number;
  readonly buckets: readonly number[];
  readonly files: readonly FileSpec[];
}

/** One unit of the stage `rewrite`. */
export interface RewriteSpec {
  readonly stage: typeof rewriteStage;
  /** Absent for DuckDB. */
  readonly engine?: 'spark';
  readonly role: Role;
  /** N of the buckets afterwards. */
  readonly to: number;
  /** Digest of the columns that files are written with. */
  readonly columns: string;
  readonly pieces: readonly RewritePiece[];
  /** Delete files that apply to nothing any more and go, too. */
  readonly idleDeletes: readonly DeleteFileSpec[];
}

export interface RewriteOutcome {
  readonly stage: typeof rewriteStage;
  readonly role: Role;
  readonly changes: readonly TableChange[];
  readonly rows: number;
  readonly files: Readonly<Record<'before' | 'after' | 'bytesBefore' | 'bytesAfter', number>>;
}

/** One unit of the stage `compare`: all that one unit of `rewrite` has read and written. */
export interface CompareSpec {
  readonly stage: typeof compareStage;
  readonly role: Role;
  readonly to: number;
  /** The unit of `rewrite`. */
  readonly unit: string;
  readonly files: readonly FileSpec[];
}

export interface CompareOutcome {
  readonly stage: typeof compareStage;
  readonly role: Role;
  readonly changes: readonly TableChange[];
  /** Of the files before, with their delete files; the audit holds it to the manifests. */
  readonly digest: StateDigest;
  readonly rows: number;
  readonly checks: readonly FoundCheck[];
}
