/** The port of Spark: whole units at a time, described beforehand, since a job on Glue cannot be talked to. */
export interface SparkRunner {
  /**
   * Runs a unit to its end. What it writes lies below the specification's paths.
   * @throws SparkUnitError with Spark's own message; nothing of the unit is referenced
   */
  run(unit: SparkUnit, options: SparkRunOptions): Promise<SparkReport>;
}

export interface SparkRunOptions {
  /** Absolute folder of the unit's own; goes with the unit. */
  readonly workFolder: string;
  readonly signal: AbortSignal;
}

/** `glue/runner.py` reads this as JSON. */
export interface SparkUnit {
  readonly formatVersion: 1;
  readonly inputs: readonly SparkInput[];
  /** Run in order; each keeps rows under a name for the ones after it. */
  readonly statements: readonly string[];
  readonly outputs: readonly SparkOutput[];
  /** Small results that go into the report, by name. */
  readonly queries: Readonly<Record<string, string>>;
}

/** A view over Parquet files. */
export interface SparkInput {
  readonly view: string;
  readonly paths: readonly string[];
  /** Columns by field id with Spark's types; one that a file lacks is NULL. Without: the files' own columns. */
  readonly fields?: readonly SparkField[];
  /** Adds `file_index` (position in `paths`, from 0) and `file_row_number`. */
  readonly places?: boolean;
}

export interface SparkField {
  readonly name: string;
  readonly id: number;
  readonly type: string;
}

export type SparkOutput =
  /** Rows for an Iceberg table at a path of the unit's own, whose metadata stands there already. */
  | { readonly kind: 'table'; readonly select: string; readonly path: string }
  /** Plain Parquet files in a folder. */
  | { readonly kind: 'files'; readonly select: string; readonly path: string };

export interface SparkReport {
  readonly formatVersion: 1;
  readonly answers: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  readonly application: string;
  readonly version: string;
  /** By phase: inputs, statements, outputs, queries. */
  readonly elapsedMs: Readonly<Record<string, number>>;
}
