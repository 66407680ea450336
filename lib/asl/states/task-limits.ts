import { ErrorName, StateFailure, Stopped } from '../errors.ts';
import type { Services } from '../thread.ts';

/** The time limits of one call of a task. */
export interface TaskLimits {
  readonly timeoutSeconds: number | undefined;
  readonly heartbeatSeconds: number | undefined;
}

/** The time was up; the history has an event of its own for it. */
export class TaskTimeout extends StateFailure {}

export interface Watch {
  /** Fires when the execution is killed or a limit is passed, then with a TaskTimeout as its reason. */
  readonly signal: AbortSignal;
  readonly heartbeat: () => void;
  /** Stops the timers. */
  readonly end: () => void;
}

export function watchLimits({ timeoutSeconds, heartbeatSeconds }: TaskLimits, services: Services): Watch {
  if (timeoutSeconds === undefined && heartbeatSeconds === undefined) {
    return { signal: services.kill, heartbeat: () => {}, end: () => {} };
  }
  const expired = new AbortController();
  const ended = new AbortController();
  const startMs = services.now();
  let beatMs = startMs;
  const watch = async (seconds: number, since: () => number, error: string, field: string): Promise<void> => {
    for (let left = seconds * 1_000; left > 0; left = since() + seconds * 1_000 - services.now()) {
      await services.sleep(left, ended.signal);
    }
    expired.abort(new TaskTimeout(error, `The time of ${field} (${seconds}) is up`));
  };
  const ignore = (): void => {};
  if (timeoutSeconds !== undefined) {
    watch(timeoutSeconds, () => startMs, ErrorName.Timeout, 'TimeoutSeconds').catch(ignore);
  }
  if (heartbeatSeconds !== undefined) {
    watch(heartbeatSeconds, () => beatMs, ErrorName.HeartbeatTimeout, 'HeartbeatSeconds').catch(ignore);
  }
  return {
    signal: AbortSignal.any([services.kill, expired.signal]),
    heartbeat: () => {
      beatMs = services.now();
    },
    end: () => ended.abort(new Stopped()),
  };
}
