import type { SparkFailure, SparkOutcome, SparkReport } from '../../engine/spark.ts';
import {
  ObjectNotFoundError,
  PinnedSnapshotExpiredError,
  SparkUnitError,
  UnitTooLargeError,
} from '../../errors.ts';
import type { Location } from '../../stores/ports.ts';
import { jsonBytes, layout } from '../layout.ts';
import { type MachineFailure, raisedError } from '../raised-error.ts';
import { readSavedJson } from '../saved-json.ts';
import type { RunContext, UnitItem } from '../workload.ts';
import type { SavedUnit } from './compiled-units.ts';

/** How a unit ended that Spark was given, and how a run of Spark ended. */

const safe = 'nothing of the unit is referenced; its siblings keep their checkpoints';

/**
 * The report of a unit that Spark has done.
 * @param run names the run of Spark that the unit was in
 * @throws PinnedSnapshotExpiredError, UnitTooLargeError, SparkUnitError by what the report says; SparkUnitError when there is none
 */
export async function sparkReport(
  context: RunContext,
  item: Pick<UnitItem, 'stage' | 'unit'>,
  saved: Pick<SavedUnit, 'report'>,
  run: string,
): Promise<SparkReport> {
  const outcome = await readIfThere<SparkOutcome>(context, saved.report);
  if (outcome?.outcome === 'done') return outcome;
  const next = `partwise resume ${context.runId}`;
  if (outcome !== undefined) throw reported(item, outcome, next);
  const ended = await readIfThere<MachineFailure>(context, failureOf(context, item.stage, run));
  const why = ended === undefined ? 'it ended without a word of the unit' : runFailure(ended);
  throw new SparkUnitError(`Spark has not done ${item.stage}/${item.unit}: ${why}`, {
    details: { ...ended },
    safe,
    next,
  });
}

/** Keeps why a run of Spark ended, for its units that have no report. */
export async function saveRunFailure(
  context: RunContext,
  stage: string,
  run: string,
  failure: MachineFailure,
): Promise<void> {
  await context.world.results.write(failureOf(context, stage, run), jsonBytes(failure), { overwrite: true });
}

function failureOf({ folder, attempt }: RunContext, stage: string, run: string): Location {
  return layout.spark(folder, stage, `${run}-a${attempt}.failure.json`);
}

function reported(
  { stage, unit }: Pick<UnitItem, 'stage' | 'unit'>,
  { error: { kind, message } }: SparkFailure,
  next: string,
): Error {
  const [first = ''] = message.split('\n', 1);
  const details = { told: message };
  switch (kind) {
    case 'missing-input':
      return new PinnedSnapshotExpiredError(`a file that ${stage}/${unit} reads is gone: ${first}`, {
        details,
        safe: 'the tables are untouched and the intake is kept',
        next,
      });
    case 'out-of-memory':
      return new UnitTooLargeError(
        `${stage}/${unit} does not fit the memory of Spark's workers: ${first}. Take larger ones (aws.glue.workerType) or lower work.unitBytes`,
        { details, safe, next },
      );
    case 'other':
      return new SparkUnitError(`Spark did not finish ${stage}/${unit}: ${first}`, { details, safe, next });
  }
}

/** The service hands the job run over as the cause: its id and its own words. */
function runFailure(failure: MachineFailure): string {
  try {
    const { Id: id, JobRunState: state, ErrorMessage: message } = JSON.parse(failure.cause);
    if (typeof id === 'string')
      return `job run ${id} ended as ${state}${message === undefined ? '' : `: ${message}`}`;
  } catch {
    // Not a job run: it never began.
  }
  return `${failure.name}: ${raisedError(failure).message}`;
}

async function readIfThere<T>(context: RunContext, location: Location): Promise<T | undefined> {
  try {
    return await readSavedJson<T>(context.world.results, location, context.runId);
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}
