import type { InitialRow, OracleFeedRecord, OracleRecord } from '../oracle/summary-oracle.ts';
import type { FileFormat } from './files.ts';
import type { Shape } from './shape.ts';

export interface SourceFile {
  /** Path below the pipeline's staging folder. */
  readonly name: string;
  readonly format: FileFormat;
  readonly seed: number;
  readonly records: readonly OracleRecord[];
  /** A file of the deletions feed; `records` is empty then. */
  readonly feed?: readonly OracleFeedRecord[];
}

/** A table's whole life: what was loaded in bulk, then the files of each run. */
export interface Scenario {
  readonly shape: Shape;
  readonly initial: readonly InitialRow[];
  readonly runs: readonly (readonly SourceFile[])[];
}

/** What the oracle needs of the runs' feed files. */
export function feedOf(scenario: Scenario, runs = scenario.runs.length): readonly OracleFeedRecord[] {
  return scenario.runs.slice(0, runs).flatMap((files) => files.flatMap((file) => file.feed ?? []));
}

/** What the oracle needs of the runs. */
export function batchesOf(scenario: Scenario): readonly (readonly OracleRecord[])[] {
  return scenario.runs.map((files) => files.flatMap((file) => file.records));
}
