import { LocationEscapeError } from '../../errors.ts';
import { normalizeLocation } from '../location.ts';
import type { Location } from '../ports.ts';

export interface S3Place {
  readonly bucket: string;
  readonly key: string;
}

/**
 * `s3://bucket/key`, nothing percent-encoded; also in Hadoop's spellings `s3a:` and `s3n:`.
 * @throws LocationEscapeError for anything else
 */
function s3Place(location: Location): S3Place {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(normalizeLocation(location));
  if (match?.[1] === undefined || match[2] === undefined)
    throw new LocationEscapeError(`${location} is not an S3 location`, { details: { location } });
  return { bucket: match[1], key: match[2] };
}

export interface S3Root extends S3Place {
  /** Without trailing slash. */
  readonly location: Location;
  /** The object's place. @throws LocationEscapeError */
  place(location: Location): S3Place;
  /** The place of a prefix to list; the root itself is one. @throws LocationEscapeError */
  prefix(location: Location): S3Place;
}

/** Keys below one prefix of one bucket (an empty prefix is the whole bucket). */
export function s3Root(bucket: string, prefix: string): S3Root {
  const key = prefix.replace(/^\/+|\/+$/g, '');
  const location = key === '' ? `s3://${bucket}` : `s3://${bucket}/${key}`;
  const below = key === '' ? '' : `${key}/`;
  const check = (found: S3Place, asked: Location): S3Place => {
    // Dots in a key are letters to S3, but climb in whatever maps keys to paths.
    const climbs = found.key.split('/').some((segment) => segment === '..' || segment === '.');
    if (found.bucket !== bucket || !found.key.startsWith(below) || climbs || found.key.includes('\0'))
      throw new LocationEscapeError(`${asked} is not below ${location}`, { details: { location: asked } });
    return found;
  };
  return {
    bucket,
    key,
    location,
    place: (asked) => {
      const found = check(s3Place(asked), asked);
      if (found.key === below)
        throw new LocationEscapeError(`${asked} names no object`, { details: { location: asked } });
      return found;
    },
    prefix: (asked) => {
      const found = s3Place(asked);
      return check(found.key === key ? { ...found, key: below } : found, asked);
    },
  };
}
