import fc from 'fast-check';

/**
 * How many cases a property tries, and from which seed. Set PARTWISE_RUNS for a long hunt: its seed is new and
 * printed. PARTWISE_SHRINK=1 looks for the smallest case that fails, which takes a run of the product per try.
 */
export function campaign(defaultRuns: number): {
  readonly numRuns: number;
  readonly seed: number;
  readonly endOnFailure: boolean;
} {
  const wanted = process.env.PARTWISE_RUNS;
  const seed = Number(
    process.env.PARTWISE_SEED ?? (wanted === undefined ? 20_260_101 : Date.now() % 2 ** 31),
  );
  const numRuns = wanted === undefined ? defaultRuns : Number(wanted);
  console.log(
    `properties: ${numRuns} cases from seed ${seed} (PARTWISE_SEED=${seed} PARTWISE_RUNS=${numRuns})`,
  );
  return { numRuns, seed, endOnFailure: process.env.PARTWISE_SHRINK !== '1' };
}

/** Ways to do the same work: the tables may not depend on them. */
export interface Mode {
  readonly strategy: 'auto' | 'unified' | 'partitionwise';
  readonly rewrite: 'auto' | 'copy-on-write' | 'merge-on-read';
  readonly buckets: number;
}

export const modes: fc.Arbitrary<Mode> = fc.record({
  strategy: fc.constantFrom('auto', 'unified', 'partitionwise'),
  rewrite: fc.constantFrom('auto', 'copy-on-write', 'merge-on-read'),
  buckets: fc.constantFrom(1, 3),
} as const);

/** Sections of the pipeline's document for a mode. A tiny unit size makes several units of a small table. */
export function modeDocument(mode: Mode): Record<string, unknown> {
  return {
    work: { strategy: mode.strategy, rewrite: mode.rewrite, unitBytes: '32 KB' },
    tables: { buckets: mode.buckets },
    maintenance: { auto: false },
  };
}
