import { CatalogBusyError, CommitConflictError, CommitStateUnknownError } from '../../errors.ts';
import { normalizeLocation } from '../location.ts';
import type { Location, PointerSwap, TableIdentifier } from '../ports.ts';

/** The errors of a commit, in one wording for every catalog behind a network. */

export function tableName({ namespace, name }: TableIdentifier): string {
  return `${namespace}.${name}`;
}

export function isSamePointer(left: Location | undefined, right: Location | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return normalizeLocation(left) === normalizeLocation(right);
}

export function commitConflict(
  swap: PointerSwap,
  current: Location | undefined,
  cause?: unknown,
): CommitConflictError {
  const { identifier, expected } = swap;
  return new CommitConflictError(`table ${tableName(identifier)} was changed by another writer`, {
    cause,
    details: { identifier, expected, current },
    safe: 'the table is as the other writer left it',
  });
}

export function commitUnknown(swap: PointerSwap, cause: unknown): CommitStateUnknownError {
  const name = tableName(swap.identifier);
  return new CommitStateUnknownError(`the catalog did not say whether the commit of ${name} landed`, {
    cause,
    safe: 'no file was deleted',
    next: 'partwise resume',
  });
}

export function commitRefused(swap: PointerSwap, cause: unknown): CatalogBusyError {
  return new CatalogBusyError(`the catalog did not take the commit of ${tableName(swap.identifier)}`, {
    cause,
    safe: 'nothing was committed',
    next: 'run the same again',
  });
}
