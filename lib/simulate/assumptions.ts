/** What the simulation is told about the table and the run. Everything else is an assumption below. */
export interface TableStatistics {
  /** Stored rows of the summary table. */
  readonly rows: number;
  /** Months that the table spans. */
  readonly months: number;
  /** Records of the run. */
  readonly records: number;
  /** Months that the records are for: the newest ones of the table. */
  readonly recordMonths: number;
  /** Records of one key. */
  readonly recordsPerKey: number;
}

/** Each can be changed by a flag or in the pipeline file, and each is listed with the result. */
export interface Assumptions {
  /** Bytes of a stored row. */
  readonly rowBytes: number;
  readonly fileBytes: number;
  readonly unitBytes: number;
  readonly maxDeadFraction: number;
  /** Units at a time. */
  readonly concurrency: number;
  readonly memoryGb: number;
  readonly diskGb: number;
  /** Memory that comes with one core: 1,769 MB of 2^20 bytes. */
  readonly memoryPerCoreGb: number;
  /** Speed of a Lambda core against the core that the model was measured on. */
  readonly coreSpeed: number;
  /** Bytes a second that one function fetches or sends. */
  readonly networkBytesPerSecond: number;
  /** Seconds that a unit takes besides its work: start, state, requests. */
  readonly unitOverheadSeconds: number;
  /** Bytes of one source record. */
  readonly sourceRowBytes: number;
  readonly sourceFileBytes: number;
  /** Columns of a source record. */
  readonly sourceColumns: number;
  /** Bytes of a prepared file's footer for each column of each row group. */
  readonly footerBytesPerColumn: number;
  /** Source rows that one core prepares in a second. */
  readonly prepareRowsPerSecond: number;
  /** Bytes of a ranged read and of a part of an upload. */
  readonly partBytes: number;
  /** State transitions of one item of a Map: its start, its task, its end. */
  readonly transitionsPerUnit: number;
  readonly transitionsPerRun: number;
  /** Units that fail and are done again. */
  readonly retriedShare: number;
  readonly writesPerUnit: number;
  readonly readsPerUnit: number;
  readonly logBytesPerUnit: number;
}

export const defaultAssumptions: Assumptions = {
  rowBytes: 1_450,
  fileBytes: 256e6,
  unitBytes: 1e9,
  maxDeadFraction: 0.3,
  concurrency: 500,
  memoryGb: 3,
  diskGb: 6,
  memoryPerCoreGb: 1.855,
  coreSpeed: 1,
  networkBytesPerSecond: 75e6,
  unitOverheadSeconds: 1.5,
  sourceRowBytes: 200,
  sourceFileBytes: 256e6,
  sourceColumns: 60,
  footerBytesPerColumn: 85,
  prepareRowsPerSecond: 195_000,
  partBytes: 16e6,
  transitionsPerUnit: 3,
  transitionsPerRun: 40,
  retriedShare: 0.02,
  writesPerUnit: 3,
  readsPerUnit: 4,
  logBytesPerUnit: 4_000,
};
