import { footerBytes, preparedGroupRows } from '../run/row-groups.ts';
import type { Assumptions } from './assumptions.ts';
import type { StageVolume } from './summary-volume.ts';

interface PreparedRows {
  readonly rows: number;
  readonly rowBytes: number;
  readonly columns: number;
  /** Units that share the rows, each with its part of every file. */
  readonly units: number;
}

/** The file's end with the footer, and row groups. */
const requestsPerFile = 2;

/** Prepared files of a run. */
export function preparedFiles(rows: number, rowBytes: number, { sourceFileBytes }: Assumptions): number {
  return Math.max(1, Math.ceil((rows * rowBytes) / sourceFileBytes));
}

/**
 * What all units together fetch of the prepared files: of each its footer and the row groups that hold the unit's rows,
 * which lie together but begin and end inside of a group.
 */
export function preparedReads(
  prepared: PreparedRows,
  assumed: Assumptions,
): Required<Pick<StageVolume, 'bytesRead' | 'requests'>> {
  const { rows, rowBytes, columns, units } = prepared;
  const files = preparedFiles(rows, rowBytes, assumed);
  const inFile = rows / files;
  const groups = Math.ceil(inFile / preparedGroupRows);
  const fetched = Math.min(inFile, inFile / units + preparedGroupRows);
  const footer = Math.max(footerBytes, groups * columns * assumed.footerBytesPerColumn);
  return {
    bytesRead: units * files * Math.min(inFile * rowBytes, footer + fetched * rowBytes),
    requests: units * files * requestsPerFile,
  };
}
