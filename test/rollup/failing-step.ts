import type { World } from '../../lib/run/workload.ts';

export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/** A `step` that fails at one named step, once, when it is armed. */
export interface FailingStep {
  readonly step: World['step'];
  /** Names of the steps that were passed, in order. */
  readonly passed: readonly string[];
  /** Fails the `nth` time from now on that the step is reached. */
  arm(name: string, nth?: number): void;
  /** Fails at the `nth` step from now on, whatever its name. */
  armNth(nth: number): void;
  /** Whether what was armed has failed. */
  readonly fired: boolean;
  disarm(): void;
}

export function failingStep(): FailingStep {
  const passed: string[] = [];
  let armed: { readonly name: string | undefined; left: number } | undefined;
  let fired = false;
  return {
    passed,
    get fired() {
      return fired;
    },
    step: async (name) => {
      passed.push(name);
      if (armed === undefined || (armed.name !== undefined && armed.name !== name)) return;
      armed.left -= 1;
      if (armed.left > 0) return;
      armed = undefined;
      fired = true;
      throw new StoppedError(`stopped at ${name}`);
    },
    arm: (name, nth = 1) => {
      armed = { name, left: nth };
      fired = false;
    },
    armNth: (nth) => {
      armed = { name: undefined, left: nth };
      fired = false;
    },
    disarm: () => {
      armed = undefined;
    },
  };
}
