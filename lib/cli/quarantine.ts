import { layout } from '../run/layout.ts';
import type { World } from '../run/workload.ts';
import { joinLocation } from '../stores/location.ts';

/** One refused row, as it lies in the run's quarantine folder. */
export interface RefusedRow {
  readonly file: string;
  /** From 1, header not counted. */
  readonly row: number;
  readonly column: string | null;
  readonly reason: string;
  readonly raw: unknown;
}

/** The refused rows of a run, in the order of their files and rows, at most `limit`. */
export async function refusedRows(
  world: World,
  runId: string,
  limit: number,
): Promise<readonly RefusedRow[]> {
  const folder = joinLocation(layout.runFolder(world.results.root, runId), 'quarantine');
  const locations: string[] = [];
  for await (const { location } of world.results.list(folder)) locations.push(location);
  const rows: RefusedRow[] = [];
  for (const location of locations.sort()) {
    for await (const line of world.results.readLines(location)) {
      if (rows.length >= limit) return rows;
      if (line !== '') rows.push(JSON.parse(line) as RefusedRow);
    }
  }
  return rows;
}
