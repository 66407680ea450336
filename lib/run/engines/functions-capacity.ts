import type { PipelineConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';
import { engineModel, unitCpuSeconds } from '../../engine/engine-model.ts';
import { defaultAssumptions } from '../../simulate/assumptions.ts';
import { prices } from '../../simulate/prices.ts';
import { bytesPerCore, type UnitLoad } from './unit-load.ts';

/** What units take and cost in functions: reckoned. Time of functions only, which is nearly all of what is paid. */
export interface FunctionsEstimate {
  readonly units: number;
  /** From the first unit's start to the last one's end. */
  readonly seconds: number;
  readonly usd: number;
}

/** What a function is, and how many there are at a time. */
export interface Functions {
  readonly memoryBytes: number;
  readonly concurrency: number;
}

export function functionsOf({ aws }: Pick<PipelineConfig, 'aws'>): Functions {
  return { memoryBytes: parseByteSize(aws.memory), concurrency: aws.concurrency };
}

/** Units fetch, then work: nothing overlaps. Cores come with memory; below one core's memory a function has a part of one. */
export function functionsEstimate(
  loads: readonly UnitLoad[],
  { memoryBytes, concurrency }: Functions,
): FunctionsEstimate {
  const { networkBytesPerSecond, unitOverheadSeconds } = defaultAssumptions;
  const { stages } = engineModel();
  const cores = memoryBytes / bytesPerCore;
  let longest = 0;
  let all = 0;
  for (const { stage, volume, bytes } of loads) {
    const seconds =
      unitOverheadSeconds +
      bytes / networkBytesPerSecond +
      unitCpuSeconds(stages[stage].duckdb, volume) / cores;
    longest = Math.max(longest, seconds);
    all += seconds;
  }
  return {
    units: loads.length,
    seconds: Math.max(longest, all / concurrency),
    usd: all * (memoryBytes / 1e9) * prices.lambdaGbSecond,
  };
}
