import type { PipelineConfig } from '../config/schema.ts';
import type { Engine, EngineOptions, EngineSession } from '../engine/engine.ts';
import type { SparkReport, SparkRunner, SparkUnit } from '../engine/spark.ts';
import type {
  CatalogPointer,
  Clock,
  IntakeItem,
  Location,
  ObjectStore,
  PendingWrites,
  StateStore,
  TableIdentifier,
} from '../stores/ports.ts';
import type { UnitLoad } from './engines/unit-load.ts';
import type { Batch, BatchDecision, BatchRequest, RepairRequest } from './intake/batch.ts';
import type { ProgressEvent } from './progress-event.ts';

/** Everything a run may touch, injected. */
export interface World {
  readonly staging: ObjectStore;
  readonly warehouse: ObjectStore;
  /** Writes of plain files below the warehouse that get their names later, see `lib/committer`. */
  readonly pending: PendingWrites;
  /** Run artefacts: prepared rows, plans, checkpoints, reports, quarantine. */
  readonly results: ObjectStore;
  readonly catalog: CatalogPointer;
  readonly state: StateStore;
  readonly engine: Engine;
  /** For units of Spark's: what runs them here, or `glue` where the state machine has a job for them; absent where there is none. */
  readonly spark?: SparkRunner | 'glue';
  readonly clock: Clock;
  /** Local folder for spill and outputs before they are adopted. */
  readonly workRoot: string;
  readonly resources: { readonly memoryBytes: number; readonly threads: number };
  /** Tells people how far a run is; never decides anything. */
  readonly progress: (event: ProgressEvent) => void;
  /** Called at each numbered step of a run; tests kill or fail here. */
  readonly step: (name: string) => Promise<void>;
}

/** What a run does instead of taking files in; kept in the run's facts. Plain JSON, under 8 KB; the rest is the workload's. */
export interface Task {
  readonly kind: string;
}

export interface RunContext<Config extends PipelineConfig = PipelineConfig> {
  readonly world: World;
  readonly config: Config;
  readonly runId: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly branch: string;
  /** undefined for workloads that do not work in batches. */
  readonly batch: Batch | undefined;
  /** undefined for runs that take files in. */
  readonly task: Task | undefined;
  /** 0 for the first plan of a run, one more for each time it had to be planned again. */
  readonly planGeneration: number;
  /** Folder of this run in the results store, without trailing slash. */
  readonly folder: Location;
  readonly signal: AbortSignal;
  /** Until `signal` fires because the time of the function is up; Infinity where nothing ends it. */
  readonly remainingMs: () => number;
  /** What one session of the current stage may hold in memory. */
  readonly memoryBytes: number;
  /** Threads of one session of the current stage. */
  readonly threads: number;
  /** An engine session in a folder of its own, removed with the session. */
  session(name: string, options?: Partial<EngineOptions>): Promise<EngineSession>;
}

/** What `prepare` made of one source object. Persisted as a checkpoint of stage `prepare`. */
export interface Prepared {
  readonly item: Pick<IntakeItem, 'feed' | 'location' | 'version' | 'sizeBytes' | 'arrivedMs'>;
  /** `quarantined` when the file as a whole was refused. */
  readonly status: 'accepted' | 'quarantined';
  readonly reason?: string;
  /** Parquet files of accepted rows, sorted by bucket; undefined when there is none. */
  readonly rowsLocation: Location | undefined;
  readonly quarantineLocation: Location | undefined;
  readonly rowsRead: number;
  readonly rowsAccepted: number;
  readonly rowsQuarantined: number;
  /** Rows that are equal to an accepted row of the same file in every column. */
  readonly rowsDuplicate?: number;
  readonly droppedColumns: readonly string[];
  /** Configured columns that the file does not have; NULL in its rows. */
  readonly missingColumns?: readonly string[];
  /** What else the workload found in the file, for its plan; bounded. */
  readonly workload?: unknown;
  /** Accepted rows per cell: [month number, bucket, rows, deletes]. For points: [0, part, points, those that are refused for their time]. At most (months x buckets) entries; the file's, not the table's. */
  readonly cells: readonly (readonly [month: number, bucket: number, rows: number, deletes: number])[];
}

/** One item of a stage's Map, an element of its JSONL item list. */
export interface UnitItem {
  readonly run: string;
  readonly stage: string;
  readonly unit: string;
  /** Specification: one line of a JSONL object. */
  readonly specification: Location;
  readonly offset: number;
  readonly length: number;
}

/** What a unit leaves behind, persisted in its checkpoint. */
export interface UnitResult {
  readonly rows: number;
  readonly bytes: number;
  readonly outcome: unknown;
}

/** What the first half of a unit for Spark leaves. */
export type Compiled =
  | {
      readonly kind: 'spark';
      readonly unit: SparkUnit;
      /** Bytes of the files that the unit reads. */
      readonly bytes: number;
      /** What the second half needs to know; plain JSON, bounded. */
      readonly kept: unknown;
    }
  /** Nothing is left for Spark. */
  | { readonly kind: 'done'; readonly result: UnitResult };

/** A unit that Spark has run. */
export interface CompiledUnit {
  readonly unit: SparkUnit;
  readonly kept: unknown;
}

/** Whether Spark runs a unit: by the plan, if it has to since the unit is too large for a function, or not at all. */
export type SparkUse = 'planned' | 'possible' | 'never';

export interface StageSummary {
  readonly name: string;
  readonly units: number;
  readonly items: Location;
  readonly bytes: number;
  readonly rows: number;
}

/** The head of a saved plan: bounded, whatever the table's size. Units are in the stages' JSONL objects. */
export interface Plan {
  readonly formatVersion: 1;
  readonly runId: string;
  readonly pipeline: string;
  readonly configDigest: string;
  readonly branch: string;
  readonly createdMs: number;
  /** `nothing` when no accepted row is left to apply. */
  readonly outcome: 'work' | 'nothing';
  readonly strategy: string;
  readonly strategyReason: string;
  /** Tables with the snapshot ids (decimal text; absent for a table that does not exist yet) the plan is pinned to. */
  readonly pins: readonly {
    readonly table: string;
    readonly snapshotId: string | undefined;
    readonly metadataLocation: Location | undefined;
    readonly uuid: string | undefined;
  }[];
  readonly stages: readonly StageSummary[];
  readonly estimate: {
    readonly seconds: number;
    readonly bytesRead: number;
    readonly bytesWritten: number;
    readonly costUsd: number | undefined;
  };
  /** Lines for people, in order, made from the same facts as the units. */
  readonly explanation: readonly string[];
  /** What the workload needs at audit and publish, bounded. */
  readonly workload: unknown;
  /** SHA-256 over all of the above and the stages' specification objects. */
  readonly digest: string;
}

export interface AuditReport {
  readonly passed: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly passed: boolean;
    readonly checked: number;
    readonly detail?: string;
  }[];
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface Published {
  readonly alreadyPublished: boolean;
  readonly snapshots: readonly { readonly table: string; readonly snapshotId: string }[];
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface ClaimedSources {
  readonly objects: number;
  readonly bytes: number;
}

/** A table of a pipeline; `role` is what it is for, and short for its name. */
export interface WorkloadTable {
  readonly role: string;
  readonly identifier: TableIdentifier;
  /** Names the rows: what `show` selects and sorts by first. */
  readonly key: string;
  /** What `show` sorts by next. */
  readonly sortedBy: readonly string[];
}

/** What the engine is asked for by a unit, for people. */
export interface UnitStatements {
  /** Stage and unit. */
  readonly unit: string;
  readonly engine: 'duckdb' | 'spark';
  readonly statements: readonly string[];
}

export type UpkeepPart = 'compact' | 'expire' | 'orphans';

/** What `partwise maintain` asks for. */
export interface Upkeep {
  readonly parts: readonly UpkeepPart[];
  /** false: only say what would be removed. */
  readonly apply: boolean;
}

/** A workload supplies these and no orchestration of its own. Each may be killed anywhere and called again. */
export interface Workload<Config extends PipelineConfig = PipelineConfig> {
  /** The pipeline's tables by their roles, in the order in which people should see them. */
  tables(config: Config): readonly WorkloadTable[];
  readonly stages: readonly string[];
  /** For workloads whose runs are batches in strict order: the next one on the branch. Empty ones are runs too. */
  nextBatch?(world: World, config: Config, request: BatchRequest): Promise<BatchDecision>;
  /** For workloads that can be repaired: the batch that a repair of main is worked into. Refuses by name what cannot be. */
  repairBatch?(world: World, config: Config, request: RepairRequest): Promise<Batch>;
  /** Fills in what must not change while the run lasts, e.g. the number of buckets, from the tables or the claimed bytes. */
  pinConfig(world: World, config: Config, claimed: ClaimedSources): Promise<Config>;
  /** For workloads that do tasks: without what the pipeline file says that does not count for the task. @throws UsageError for an unknown one */
  configForTask?(config: Config, task: Task): Config;
  /** Finishes the commit set of a run that ended between two tables' swaps; called before every plan. */
  rollForward(context: RunContext<Config>): Promise<void>;
  /** One source object. Writes only below the given unit folder. */
  prepare(context: RunContext<Config>, item: IntakeItem): Promise<Prepared>;
  /** Pure over metadata and prepared counts; opens no data file. Writes only the plan's objects below the run's folder. */
  plan(context: RunContext<Config>, prepared: AsyncIterable<Prepared>): Promise<Plan>;
  /** For workloads whose prepared rows fit some tables only: whether they fit those that are there now. @throws ConfigError when no new plan can be made of them */
  mustBePlannable?(context: RunContext<Config>): Promise<void>;
  /** Statements of some units of the plan, at most so many of each engine; opens no data file. Absent: they cannot be told. */
  statements?(context: RunContext<Config>, plan: Plan, unitsOfEach: number): AsyncIterable<UnitStatements>;
  work(context: RunContext<Config>, plan: Plan, item: UnitItem, specification: unknown): Promise<UnitResult>;
  /**
   * What a planned unit is to the engines' model; undefined when it knows nothing of the kind.
   * @param bytes of the files that the unit opens, where they are known from elsewhere
   */
  loadOf?(config: Config, specification: unknown, bytes: number): UnitLoad | undefined;
  /** Of a planned unit; absent, as the two halves are, for workloads that do not use Spark. */
  sparkUse?(specification: unknown): SparkUse;
  /**
   * First half of a unit for Spark. Looks at metadata and at what is small; opens no data file of a table. Data files go below
   * the table's folder and what is plain and small below the results' folder that `sparkPlaces` gives.
   */
  compile?(
    context: RunContext<Config>,
    plan: Plan,
    item: UnitItem,
    specification: unknown,
  ): Promise<Compiled>;
  /** Second half: checks and takes over what Spark wrote, writes what is small, gives the unit's result. */
  finish?(
    context: RunContext<Config>,
    plan: Plan,
    item: UnitItem,
    specification: unknown,
    compiled: CompiledUnit,
    report: SparkReport,
  ): Promise<UnitResult>;
  audit(context: RunContext<Config>, plan: Plan): Promise<AuditReport>;
  /** The one visible step, idempotent. */
  publish(context: RunContext<Config>, plan: Plan): Promise<Published>;
  /** Compares what a run published with its inputs, as thoroughly as `sampleSize` keys say. */
  verifyRun(
    context: RunContext<Config>,
    plan: Plan,
    options: { readonly sampleSize: number },
  ): Promise<AuditReport>;
  /** Whether the tables as they stand hold together. */
  verifyTables(world: World, config: Config): Promise<AuditReport>;
  /** Upkeep that a person asked for; lines that say what was done. */
  upkeep(world: World, config: Config, options: Upkeep): Promise<readonly string[]>;
  /** After a publish, by policy: compaction, expiry. */
  maintain(context: RunContext<Config>): Promise<readonly string[]>;
}
