import { createHash } from 'node:crypto';
import type { Location } from '../../stores/ports.ts';
import type { SpoolLine } from './state.ts';

/** What was looked at of a bucket, whatever the order: how many files, and the sum of their digests. */
export interface StateDigest {
  readonly lines: number;
  readonly sum: number;
}

/** A line of the bucket's state, or a prepared file that holds rows of it. */
export type DigestLine = SpoolLine | { readonly kind: 'sources' | 'feed'; readonly location: Location };

const modulus = 2 ** 48;

export function digestOf(lines: Iterable<DigestLine>): StateDigest {
  let digest = emptyDigest;
  for (const line of lines) digest = withLine(digest, line);
  return digest;
}

export const emptyDigest: StateDigest = { lines: 0, sum: 0 };

export function withLine({ lines, sum }: StateDigest, line: DigestLine): StateDigest {
  const hash = createHash('sha256').update(textOf(line)).digest().readUIntBE(0, 6);
  return { lines: lines + 1, sum: (sum + hash) % modulus };
}

function textOf(line: DigestLine): string {
  if (!('file' in line)) return JSON.stringify([line.kind, 'role' in line ? line.role : '', line.location]);
  const { location, month, rows, sizeBytes, deletes } = line.file;
  const referenced = 'referenced' in line ? line.referenced : null;
  return JSON.stringify([
    line.kind,
    line.role,
    location,
    month,
    rows,
    sizeBytes,
    [...deletes].sort(),
    referenced,
  ]);
}
