import { ErrorBudgetExceededError, PoisonInputError, SourceChangedError } from '../errors.ts';
import type { IntakeItem } from '../stores/ports.ts';
import { checkpointsOf, prepareStage, saveCheckpoint } from './units/checkpoints.ts';
import { writeStage } from './units/stages.ts';
import type { Prepared, RunContext, StageSummary, Workload } from './workload.ts';

/** Writes the items of the prepare Map: one per claimed source object, and per object that a replayed run was done with. */
export function writePrepareItems(context: RunContext): Promise<StageSummary> {
  const { intake } = context.world.state;
  const filters = [
    { runId: context.runId },
    ...(context.batch?.replays ?? []).map((runId) => ({ runId, status: 'done' as const })),
  ];
  async function* units() {
    for (const filter of filters)
      for await (const item of intake.list(context.config.pipeline, filter))
        yield { label: 's', rows: 0, bytes: item.sizeBytes, specification: item };
  }
  return writeStage(context, prepareStage, 0, units());
}

/**
 * Prepares one source object and checkpoints the outcome. A file that cannot be used at all is an outcome too:
 * it is quarantined and the rest of the run goes on.
 */
export async function prepareUnit(
  context: RunContext,
  workload: Workload,
  unit: string,
  item: IntakeItem,
): Promise<void> {
  const startedMs = context.world.clock.now();
  const prepared = await prepareOrQuarantine(context, workload, item);
  await saveCheckpoint(context, {
    stage: prepareStage,
    unit,
    startedMs,
    result: { rows: prepared.rowsAccepted, bytes: item.sizeBytes, outcome: prepared },
  });
}

async function prepareOrQuarantine(
  context: RunContext,
  workload: Workload,
  item: IntakeItem,
): Promise<Prepared> {
  try {
    return await workload.prepare(context, item);
  } catch (error) {
    if (!(error instanceof PoisonInputError || error instanceof SourceChangedError)) throw error;
    // A replay without one of its files would publish less than there was.
    if (context.batch?.replays !== undefined && error instanceof SourceChangedError) throw error;
    return {
      item: preparedItem(item),
      status: 'quarantined',
      reason: `${error.name}: ${error.message}`,
      rowsLocation: undefined,
      quarantineLocation: undefined,
      rowsRead: 0,
      rowsAccepted: 0,
      rowsQuarantined: 0,
      droppedColumns: [],
      cells: [],
    };
  }
}

/** What an outcome says of its source object. */
export function preparedItem({
  feed,
  location,
  version,
  sizeBytes,
  arrivedMs,
}: IntakeItem): Prepared['item'] {
  return { feed, location, version, sizeBytes, arrivedMs };
}

/** The outcomes of the prepare stage, streamed. */
export async function* preparedObjects(
  context: RunContext,
  stage: Pick<StageSummary, 'name' | 'items'>,
): AsyncIterable<Prepared> {
  for await (const { result } of checkpointsOf(context, stage)) yield result.outcome as Prepared;
}

export interface PreparedTotals {
  readonly files: number;
  readonly filesQuarantined: number;
  readonly rowsRead: number;
  readonly rowsAccepted: number;
  readonly rowsQuarantined: number;
  readonly droppedColumns: readonly string[];
  /** The first few files whose columns are not the configured ones, and how many there are. */
  readonly columns: readonly FileColumns[];
  readonly filesWithColumns: number;
  /** The first few refused files, for people. */
  readonly refused: readonly { readonly location: string; readonly reason: string }[];
}

/** Configured columns that a file lacks, and columns of it that nothing names; the first few of each. */
export interface FileColumns {
  readonly location: string;
  readonly missing: readonly string[];
  readonly dropped: readonly string[];
}

/** Bounds of what the run record keeps for people. */
const toldFiles = 10;
const toldColumns = 10;

/** Rows from which on a fraction says anything: below, one bad row of a handful would stop the run. */
const fractionFrom = 100;

/** @throws ErrorBudgetExceededError when more was refused than the configuration allows */
export async function checkBudget(
  context: RunContext,
  prepared: AsyncIterable<Prepared>,
): Promise<PreparedTotals> {
  const dropped = new Set<string>();
  const columns: FileColumns[] = [];
  let filesWithColumns = 0;
  const refused: { location: string; reason: string }[] = [];
  let files = 0;
  let filesQuarantined = 0;
  let rowsRead = 0;
  let rowsAccepted = 0;
  let rowsQuarantined = 0;
  for await (const one of prepared) {
    files += 1;
    if (one.status === 'quarantined') {
      filesQuarantined += 1;
      if (refused.length < 20) refused.push({ location: one.item.location, reason: one.reason ?? 'refused' });
    }
    rowsRead += one.rowsRead;
    rowsAccepted += one.rowsAccepted;
    rowsQuarantined += one.rowsQuarantined;
    const { droppedColumns, missingColumns = [] } = one;
    if (droppedColumns.length + missingColumns.length > 0) {
      filesWithColumns += 1;
      if (columns.length < toldFiles) {
        columns.push({
          location: one.item.location,
          missing: missingColumns.slice(0, toldColumns),
          dropped: droppedColumns.slice(0, toldColumns),
        });
      }
    }
    for (const column of droppedColumns) if (dropped.size < 100) dropped.add(column);
  }
  const totals = {
    files,
    filesQuarantined,
    rowsRead,
    rowsAccepted,
    rowsQuarantined,
    droppedColumns: [...dropped],
    columns,
    filesWithColumns,
    refused,
  };
  const { limits } = context.config;
  const over = [
    rowsQuarantined > limits.badRows
      ? `${rowsQuarantined} bad rows (limits.badRows: ${limits.badRows})`
      : undefined,
    rowsRead >= fractionFrom && rowsQuarantined / rowsRead > limits.badRowFraction
      ? `${((100 * rowsQuarantined) / rowsRead).toFixed(2)} % bad rows (limits.badRowFraction: ${limits.badRowFraction})`
      : undefined,
    filesQuarantined > limits.badFiles
      ? `${filesQuarantined} bad files (limits.badFiles: ${limits.badFiles})`
      : undefined,
  ].filter((reason) => reason !== undefined);
  if (over.length > 0) {
    throw new ErrorBudgetExceededError(`the input is over its error budget: ${over.join('; ')}`, {
      details: { ...totals },
      safe: `nothing was published; what was refused is in ${context.folder}/quarantine`,
      next: `partwise cancel ${context.runId}`,
    });
  }
  return totals;
}
