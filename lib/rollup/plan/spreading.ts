import type { RollupConfig } from '../../config/schema.ts';
import { asksForSpark } from '../../config/spark.ts';
import type { Spreading } from '../sql/points.ts';

/** How a pipeline spreads its series: where Spark may come to run a unit by a hash that it knows. */
export function spreadingOf(config: RollupConfig): Spreading {
  const { parts } = config.state;
  return asksForSpark(config) ? { parts, hash: 'md5' } : { parts };
}
