import type { MapState } from '../definition.ts';
import type { Visit } from '../thread.ts';
import { evaluateNumber } from './numbers.ts';

/** How many children of a Distributed Map may fail. */
export interface Tolerance {
  /** `total` is undefined until every item has been read: a percentage is judged only then. */
  exceeded(failed: number, total: number | undefined): boolean;
}

/** Without either field nothing may fail; with both, the first that is exceeded decides. */
export async function evaluateTolerance(state: MapState, visit: Visit): Promise<Tolerance> {
  const count = await evaluateNumber(state.toleratedFailureCount, visit, 'ToleratedFailureCount', { min: 0 });
  const percentage = await evaluateNumber(
    state.toleratedFailurePercentage,
    visit,
    'ToleratedFailurePercentage',
    {
      min: 0,
      max: 100,
      integer: false,
    },
  );
  const most = count === undefined && percentage === undefined ? 0 : count;
  return {
    exceeded(failed, total) {
      if (failed === 0) return false;
      if (most !== undefined && failed > most) return true;
      if (percentage === undefined) return false;
      return percentage === 0 || (total !== undefined && (failed / total) * 100 > percentage);
    },
  };
}
