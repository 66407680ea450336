import type { Location } from './ports.ts';

/** Locations are URIs; this module is the only one that turns them into paths and back. */

/**
 * Nothing is percent-encoded: Iceberg's readers take the path as it stands.
 * @example fileLocation('/tmp/a b') // 'file:///tmp/a b'
 */
export function fileLocation(absolutePath: string): Location {
  if (!absolutePath.startsWith('/')) throw new TypeError(`not an absolute path: ${absolutePath}`);
  return `file://${absolutePath}`;
}

/** Accepts `file:/x` (Hadoop, Spark) and `file:///x` (everyone else). Nothing is percent-decoded. */
export function filePath(location: Location): string {
  if (location.startsWith('file:///')) return location.slice('file://'.length);
  if (location.startsWith('file:/') && !location.startsWith('file://')) return location.slice('file:'.length);
  throw new TypeError(`not a file location: ${location}`);
}

/** One spelling for each location, so that two writers' names of one file compare equal. */
export function normalizeLocation(location: Location): Location {
  if (/^s3[an]:\/\//.test(location)) return `s3${location.slice(3)}`;
  return location.startsWith('file:/') && !location.startsWith('file://')
    ? `file://${location.slice('file:'.length)}`
    : location;
}

export function joinLocation(base: Location, ...segments: readonly string[]): Location {
  return [base.replace(/\/+$/, ''), ...segments].join('/');
}
