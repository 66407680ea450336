import { createHash } from 'node:crypto';
import { CorruptStateError } from '../errors.ts';
import type { Location, ObjectStore, PendingFile } from '../stores/ports.ts';

/** The formats of docs/committer.md. */
export const formatVersion = 1;

/** `.pending`: one file of one attempt. */
export interface PendingRecord {
  readonly formatVersion: number;
  readonly run: string;
  readonly task: string;
  readonly attempt: number;
  readonly file: PendingFile;
}

/** `.pendingset`: what one attempt of a task offers. */
export interface TaskSet {
  readonly formatVersion: number;
  readonly run: string;
  readonly task: string;
  readonly attempt: number;
  /** Of this attempt alone, also where two have the same number. */
  readonly attemptId: string;
  readonly files: readonly TaskFile[];
}

export interface TaskFile {
  readonly destination: Location;
  readonly sizeBytes: number;
  readonly record: Location;
  readonly digest: string;
}

/** Who holds the name of a file. */
export interface Claim {
  readonly formatVersion: number;
  readonly run: string;
  readonly task: string;
}

export function encode(record: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(record)}\n`);
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * @throws CorruptStateError when it is not what was written, or of a version that is not known
 * @throws ObjectNotFoundError
 */
export async function readRecord<T extends { readonly formatVersion: number }>(
  store: ObjectStore,
  location: Location,
  digest?: string,
): Promise<T> {
  const bytes = await store.read(location);
  if (digest !== undefined && digestOf(bytes) !== digest) throw damaged(location);
  return parse(location, new TextDecoder().decode(bytes));
}

export function parse<T extends { readonly formatVersion: number }>(location: Location, text: string): T {
  let record: T;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw damaged(location, cause);
  }
  if (record?.formatVersion !== formatVersion)
    throw new CorruptStateError(`${location} has the unknown version ${record?.formatVersion}`, {
      details: { location },
      safe: 'nothing was changed',
    });
  return record;
}

export function damaged(location: Location, cause?: unknown): CorruptStateError {
  return new CorruptStateError(`the record ${location} is damaged`, {
    cause,
    details: { location },
    safe: 'nothing was changed',
  });
}
