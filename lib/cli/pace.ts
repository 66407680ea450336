/** How fast the units of a stage end, to say how long the others will take. */
export interface Pace {
  /** A unit that took so long has ended. */
  readonly ended: (endMs: number, elapsedMs: number) => void;
  /** For so many units more; undefined while nothing can be said. */
  readonly leftMs: (left: number, nowMs: number) => number | undefined;
}

/**
 * Units work side by side, nobody says how many. Those that had begun before the first one ended are about as many as work at a
 * time; until one that began later has ended, the few that are known tell nothing of the others. Of those at work half is taken for
 * done.
 */
export function newPace(): Pace {
  let startMs = Number.POSITIVE_INFINITY;
  let firstEndMs: number | undefined;
  let atOnce = 0;
  let worked = 0;
  let isKnown = false;
  return {
    ended: (endMs, elapsedMs) => {
      const begunMs = endMs - elapsedMs;
      startMs = Math.min(startMs, begunMs);
      worked += 1;
      if (firstEndMs === undefined || begunMs < firstEndMs) atOnce += 1;
      else isKnown = true;
      firstEndMs ??= endMs;
    },
    leftMs: (left, nowMs) => {
      const halfDone = (atOnce - 1) / 2;
      if (!isKnown || left <= halfDone) return undefined;
      return ((nowMs - startMs) / (worked + halfDone)) * (left - halfDone);
    },
  };
}
