import { randomBytes } from 'node:crypto';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { layout } from '../layout.ts';
import type { RunContext, UnitItem } from '../workload.ts';

/** Where Spark writes for one compilation of a unit: names that nobody else ever uses. */
export interface SparkPlaces {
  /** Folder in the run's own, for what is small, and for the metadata of tables of the unit's own. */
  readonly results: Location;
  /**
   * Folder for data files of the table at the location: they lie where they will be published from, so nothing is copied. Until
   * then nothing refers to them, and whoever removes the table's orphan files finds them there.
   */
  readonly data: (table: Location) => Location;
}

export function sparkPlaces(
  { folder, runId, attempt }: Pick<RunContext, 'folder' | 'runId' | 'attempt'>,
  { stage, unit }: Pick<UnitItem, 'stage' | 'unit'>,
): SparkPlaces {
  const tag = `${unit}-a${attempt}-${randomBytes(4).toString('hex')}`;
  return {
    results: layout.spark(folder, stage, tag),
    data: (table) => joinLocation(table, 'data', `${runId}-${tag}`),
  };
}
