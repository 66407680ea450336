/** A run that dies at its n-th numbered step: that step throws, and so does every later one until it is raised again. */
export interface Mortal {
  readonly step: (name: string) => Promise<void>;
  /** Steps from now until the next death; undefined: none. */
  dieIn(steps: number | undefined): void;
  readonly diedAt: string | undefined;
}

export class DeathError extends Error {
  override readonly name = 'DeathError';
}

export function mortal(): Mortal {
  let left: number | undefined;
  let diedAt: string | undefined;
  return {
    step: async (name) => {
      if (diedAt !== undefined) throw new DeathError(`dead since ${diedAt}`);
      if (left === undefined) return;
      left -= 1;
      if (left >= 0) return;
      diedAt = name;
      throw new DeathError(`died at ${name}`);
    },
    dieIn: (steps) => {
      left = steps;
      diedAt = undefined;
    },
    get diedAt() {
      return diedAt;
    },
  };
}
