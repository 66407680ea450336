export interface Look {
  /** New or changed files that stood still since the last look. */
  readonly ready: readonly string[];
  /** How many are still changing, or were seen for the first time. */
  readonly waiting: number;
}

/** Tells files that have arrived from files that are being written, by looking twice. */
export class Arrivals {
  #last: ReadonlyMap<string, string> = new Map();
  readonly #settled = new Map<string, string>();

  /** `signatures` by path: a file whose signature is the same as at the last look has arrived. */
  look(signatures: ReadonlyMap<string, string>): Look {
    const fresh = [...signatures].filter(([path, signature]) => this.#settled.get(path) !== signature);
    const ready = fresh
      .filter(([path, signature]) => this.#last.get(path) === signature)
      .map(([path]) => path);
    this.#last = signatures;
    return { ready: ready.sort(), waiting: fresh.length - ready.length };
  }

  /** These need no second run unless they change. */
  settle(paths: readonly string[]): void {
    for (const path of paths) {
      const signature = this.#last.get(path);
      if (signature !== undefined) this.#settled.set(path, signature);
    }
  }
}
