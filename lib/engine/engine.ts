/** The port of a query engine in the process: DuckDB. Spark takes whole units instead, see `spark.ts`. */

export type SqlRow = Readonly<Record<string, unknown>>;

export interface EngineOptions {
  /** Bytes that the engine may hold in memory before it spills. */
  readonly memoryBytes: number;
  readonly threads: number;
  /** Absolute folder of this session's own: spill files and outputs live here and go with the session. */
  readonly workFolder: string;
}

export interface Engine {
  open(options: EngineOptions): Promise<EngineSession>;
}

export interface EngineSession extends AsyncDisposable {
  readonly workFolder: string;
  execute(sql: string): Promise<void>;
  /** All rows; BIGINT as bigint, lists as arrays, DATE/TIMESTAMP as ISO strings. For small results. */
  query(sql: string): Promise<readonly SqlRow[]>;
  /** Rows in batches, for results of any size. */
  stream(sql: string): AsyncIterable<readonly SqlRow[]>;
  /** Writes the rows of `select` as one Parquet file (or one per `partitionBy` value) below the work folder. */
  writeParquet(options: WriteParquetOptions): Promise<readonly WrittenFile[]>;
  /** Interrupts the statement in flight. */
  interrupt(): void;
}

export interface WriteParquetOptions {
  readonly select: string;
  /** Absolute path: a file, or a folder when `partitionBy` is given. */
  readonly path: string;
  /** `FIELD_IDS` of DuckDB's COPY: name to id, lists and structs nested. Absent for files that are not table data. */
  readonly fieldIds?: FieldIdTree;
  readonly partitionBy?: readonly string[];
  readonly rowGroupRows?: number;
  /** default: `plain` */
  readonly encoding?: ParquetEncoding;
}

/**
 * How values are packed before compression. `plain`: the encodings of Parquet format 1, which every reader knows.
 * `delta`: those of format 2, e.g. DELTA_BINARY_PACKED.
 */
export type ParquetEncoding = 'plain' | 'delta';

export interface FieldIdTree {
  readonly [column: string]: number | { readonly id: number; readonly children: FieldIdTree };
}

/** One file as the engine reports it, footer not read again. */
export interface WrittenFile {
  readonly path: string;
  readonly rows: number;
  readonly sizeBytes: number;
  /** Dotted column path (`a`, `l.element`) to its statistics, in the engine's text form. */
  readonly columns: Readonly<Record<string, WrittenColumn>>;
  readonly partition: Readonly<Record<string, string | null>>;
}

export interface WrittenColumn {
  readonly min: string | undefined;
  readonly max: string | undefined;
  readonly nullCount: number | undefined;
  readonly valueCount: number | undefined;
  readonly sizeBytes: number | undefined;
  readonly hasNan: boolean | undefined;
}
/** Rewritings of a join that the engine may make: in which order, and which side it holds in memory. */
type JoinOptimizer = 'join_order' | 'build_side_probe_side';

/** Runs a statement whose joins stay as they are written; afterwards the session optimizes as ever, also after a failure. */
export async function executeAsWritten(
  session: EngineSession,
  statement: string,
  without: readonly JoinOptimizer[],
): Promise<void> {
  await session.execute(`SET disabled_optimizers = '${without.join(',')}'`);
  try {
    await session.execute(statement);
  } finally {
    await session.execute('RESET disabled_optimizers');
  }
}
