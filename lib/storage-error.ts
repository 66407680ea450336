import { PartwiseError, RootUnusableError, StorageFullError } from './errors.ts';

/**
 * The named error of a failure of disks and file systems, whichever of Node, SQLite and DuckDB ran into it; any other
 * error comes back as it is. Node gives a code, SQLite a number (https://www.sqlite.org/rescode.html), DuckDB a text.
 */
export function storageError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PartwiseError) return error;
  const code = 'code' in error ? String(error.code) : '';
  const sqlite = 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  if (
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    sqlite === 13 ||
    /no space left on device/i.test(error.message)
  )
    return new StorageFullError(`the disk is full: ${error.message}`, {
      cause: error,
      safe: 'what was published before stays as it was; finished units are kept',
      next: 'make room, for example by partwise maintain expire orphans, then partwise resume',
    });
  if (code === 'EROFS' || sqlite === 8)
    return new RootUnusableError(`the root folder cannot be written: ${error.message}`, {
      cause: error,
      ...anotherRoot,
    });
  return error;
}

export const anotherRoot = {
  safe: 'nothing was changed',
  next: 'the same with --root DIR, a folder that can be written',
} as const;
