import { PartwiseError, UsageError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';
import type { World } from './workload.ts';

/** A failure as the state machine hands it over: a handler's error name, and its message, perhaps wrapped in JSON. */
export interface MachineFailure {
  readonly name: string;
  /** `{errorType, errorMessage, safe?, next?}` of a handler's error, or text. */
  readonly cause: string;
}

const mapFailed = 'States.ExceedToleratedFailureThreshold';

/** The error that a handler threw, as far as the state machine kept it: name, message and advice. */
export function raisedError({ name, cause }: MachineFailure): PartwiseError {
  const { errorMessage, safe, next } = parsed(cause);
  const error = new PartwiseError(errorMessage ?? cause, {
    ...(safe === undefined ? {} : { safe }),
    ...(next === undefined ? {} : { next }),
  });
  error.name = name;
  return error;
}

/**
 * The state machine hands an error over as {name, cause}; a cause is the handler's message, perhaps wrapped in JSON.
 * A Map only says that too many items failed: the units' notes know why.
 */
export async function recordedError(
  world: World,
  runId: string,
  error: MachineFailure,
): Promise<NonNullable<RunRecord['error']>> {
  if (error.name === mapFailed) {
    const failed = await failedUnit(world, runId);
    if (failed !== undefined) return failed;
  }
  const { message, next } = raisedError(error);
  // Whoever refuses what was asked for knows what to ask for instead.
  const own = error.name === UsageError.name ? next : undefined;
  return { name: error.name, message, next: own ?? nextCommand(error.name, runId) };
}

/** The failure as it is; of a Map that failed, the failure of its unit, in the same form. */
export async function unitFailure(
  world: World,
  runId: string,
  error: MachineFailure,
): Promise<MachineFailure> {
  if (error.name !== mapFailed) return error;
  const failed = await failedUnit(world, runId);
  if (failed === undefined) return error;
  const { name, message: errorMessage, next } = failed;
  return { name, cause: JSON.stringify({ errorType: name, errorMessage, next }) };
}

/** The failure of a unit that is not done, of the newest attempt that has one. */
async function failedUnit(world: World, runId: string): Promise<RunRecord['error']> {
  let newest = 0;
  let found: RunRecord['error'];
  for await (const note of world.state.checkpoints.notes(runId)) {
    const match = /^([\w.]+): (.*)$/s.exec(note.error ?? '');
    if (match?.[1] === undefined || match[2] === undefined || note.attempt <= newest) continue;
    if ((await world.state.checkpoints.get(runId, note.stage, note.unit)) !== undefined) continue;
    newest = note.attempt;
    found = {
      name: match[1],
      message: `unit ${note.unit} of ${note.stage}: ${match[2]}`,
      next: nextCommand(match[1], runId),
    };
  }
  return found;
}

/** Only the name survives the state machine, so the advice follows from it. */
function nextCommand(name: string, runId: string): string {
  // A run keeps the configuration it was started with, so a wrong one is left behind by giving the files back.
  if (name === 'ErrorBudgetExceededError' || name === 'ConfigError' || name === UsageError.name)
    return `partwise cancel ${runId}`;
  if (name === 'PlanStaleError') return `partwise resume ${runId} --replan`;
  if (name === 'IntegrityError') return `partwise status ${runId}`;
  // Going on would meet the same damage.
  if (name === 'CorruptStateError') return 'partwise doctor';
  return `partwise resume ${runId}`;
}

function parsed(cause: string): {
  readonly errorMessage?: string;
  readonly safe?: string;
  readonly next?: string;
} {
  try {
    return JSON.parse(cause) ?? {};
  } catch {
    return {};
  }
}
