import type { S3Client } from '@aws-sdk/client-s3';
import { ObjectNotFoundError } from '../errors.ts';
import { awsFailure, isNamed, statusOf } from './aws-errors.ts';
import type { Location } from './ports.ts';
import type { Retrying } from './retrying.ts';
import type { S3Root } from './s3-location.ts';

/** What the parts of the S3 store share. */
export interface S3Context {
  readonly client: S3Client;
  readonly root: S3Root;
  /** For what the client does not repeat by itself. */
  readonly retrying: Retrying;
  readonly newId: () => string;
  readonly now: () => number;
  /** Objects up to this size go in one request; larger ones in parts (of this size while 10,000 of them are enough). */
  readonly partBytes: number;
  /** Requests of one object side by side. */
  readonly parallel: number;
}

/** The port's error for a failed request about an object. */
export function objectFailure(error: unknown, action: string, location: Location): unknown {
  if (isMissing(error))
    return new ObjectNotFoundError(`${location} does not exist`, { cause: error, details: { location } });
  return awsFailure(error, action, location);
}

/** A missing bucket is no missing object: it is a wrong configuration and keeps its own name. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && !isNamed(error, 'NoSuchBucket', 'NoSuchUpload');
}
