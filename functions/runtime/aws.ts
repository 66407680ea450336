import type { PipelineConfig } from '../../lib/config/index.ts';
import { ConfigError } from '../../lib/errors.ts';
import type { FunctionWorld } from './world.ts';

/** The world of a deployed function: the stores are those of its environment. */
export async function openOnAws(config: PipelineConfig): Promise<FunctionWorld> {
  throw new ConfigError(`the stores of ${config.pipeline} on AWS cannot be opened by this version`, {
    safe: 'nothing was done',
  });
}
