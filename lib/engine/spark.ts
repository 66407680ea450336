/**
 * The port of Spark: whole units at a time, described beforehand, since a job on Glue cannot be talked to. What a unit
 * writes lies below its specification's locations, and its report, written last, says how it ended.
 */
export interface SparkRunner {
  /**
   * Runs the units of a list, one after the other. One that fails says so in its report, and the others go on.
   * @throws SparkUnitError when Spark itself ended; the units without a report are not done
   */
  run(tasks: readonly SparkTask[], options: SparkRunOptions): Promise<void>;
}

/** A unit for Spark. All paths are locations, `file:///…` or `s3://…`, in what it names, too. */
export interface SparkTask {
  /** A SparkUnit in JSON. */
  readonly specification: string;
  /** Where its report is to be written: a SparkOutcome in JSON. */
  readonly report: string;
}

/** What `--specifications` of the runner names, in JSON. */
export interface SparkTaskList {
  readonly formatVersion: 1;
  readonly units: readonly SparkTask[];
}

export interface SparkRunOptions {
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

export type SparkOutput = SparkTable | SparkPlainFiles;

/** Rows for an Iceberg table of the unit's own, whose metadata stands there already. */
export interface SparkTable {
  readonly kind: 'table';
  readonly select: string;
  readonly path: string;
  /** Where rows may be written by the tasks that read them; else they go to one task for each partition of the table. */
  readonly stays?: SparkStays;
}

export interface SparkStays {
  /** Kept rows that the SELECT joins: each of them must be small enough to go whole to every task. */
  readonly rows: readonly string[];
  /** Of the largest file that is read: no file is read by two tasks, and each is written as one. */
  readonly fileBytes: number;
}

/** Plain Parquet files in a folder. */
export interface SparkPlainFiles {
  readonly kind: 'files';
  readonly select: string;
  readonly path: string;
}

/** How a unit ended. */
export type SparkOutcome = SparkReport | SparkFailure;

export interface SparkReport {
  readonly formatVersion: 1;
  readonly outcome: 'done';
  readonly answers: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  readonly application: string;
  readonly version: string;
  /** By phase: inputs, statements, outputs, queries. */
  readonly elapsedMs: Readonly<Record<string, number>>;
}

export interface SparkFailure {
  readonly formatVersion: 1;
  readonly outcome: 'failed';
  readonly error: {
    /** `missing-input`: a file that the unit reads is gone. `out-of-memory`: the unit is too large for the workers. */
    readonly kind: 'missing-input' | 'out-of-memory' | 'other';
    /** Spark's own words, the innermost cause first. */
    readonly message: string;
  };
}
