import { CorruptStateError, PartwiseError, RootUnusableError, StorageFullError } from './errors.ts';

/**
 * The named error of a failure of disks and file systems, whichever of Node, SQLite and DuckDB ran into it; any other
 * error comes back as it is. Node gives a code, SQLite a number (https://www.sqlite.org/rescode.html), DuckDB a text.
 */
export function storageError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PartwiseError) return error;
  const code = 'code' in error ? String(error.code) : '';
  const extended = 'errcode' in error ? Number(error.errcode) : 0;
  const sqlite = extended & 0xff;
  if (
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    sqlite === 13 ||
    extended === noRoomForSharedMemory ||
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
  if (sqlite === 11 || sqlite === 26)
    return new CorruptStateError(`state.db or catalog.db in the root folder is damaged: ${error.message}`, {
      cause: error,
      safe: 'the files of the tables were not touched',
      next: 'restore the root folder from a backup',
    });
  return error;
}

/** SQLITE_IOERR_SHMSIZE: on a full disk the file of the write-ahead log's index cannot grow. */
const noRoomForSharedMemory = 4874;

export const anotherRoot = {
  safe: 'nothing was changed',
  next: 'the same with --root DIR, a folder that can be written',
} as const;
