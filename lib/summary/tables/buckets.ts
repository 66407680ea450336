import type { SummaryConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';

/** Bytes that an array entry takes on disk: 1.45 KB a row for 20 arrays of 36 entries. */
const entryBytes = 2;
/** Bytes that a scalar takes on disk, and in a source file of no known format. */
const scalarBytes = 4;
const sourceScalarBytes = 8;
const mostBuckets = 65_536;

interface BucketOptions {
  readonly config: SummaryConfig;
  readonly sourceBytes: number;
  /** Rows of the first drop, when they are known; else reckoned from its bytes. */
  readonly sourceRows?: number;
}

/** Estimated bytes of one stored row. */
export function rowBytes(config: SummaryConfig): number {
  const scalars = config.columns.length + config.derived.length + config.grids.length * 4;
  return scalars * scalarBytes + config.history.length * config.historyLength * entryBytes;
}

/** N of bucket[N](key): cells of one target file size once the table holds the expected keys, at least 1. */
export function chooseBuckets({ config, sourceBytes, sourceRows }: BucketOptions): number {
  const rows = sourceRows ?? sourceBytes / (config.columns.length * sourceScalarBytes);
  const keys = config.tables.expectedKeys ?? rows * 4;
  const bytes = keys * rowBytes(config);
  return Math.max(1, Math.min(mostBuckets, Math.ceil(bytes / parseByteSize(config.tables.targetFileSize))));
}
