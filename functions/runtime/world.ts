import { readFile } from 'node:fs/promises';
import { type PipelineConfig, parsePipeline } from '../../lib/config/index.ts';
import { ConfigError } from '../../lib/errors.ts';
import type { World } from '../../lib/run/workload.ts';
import type { Announcer } from '../../lib/stores/trigger-ports.ts';
import type { TriggerOptions } from '../../lib/triggers/handle.ts';

/** Everything that the functions touch. */
export interface FunctionWorld {
  readonly world: World;
  readonly config: PipelineConfig;
  readonly announcer: Announcer;
  readonly trigger: Pick<
    TriggerOptions,
    'executions' | 'wakes' | 'listing' | 'inventories' | 'stagingBucket' | 'stagingRoot'
  >;
  /** Makes room on the disk for the next task; only when no other one is at work here. */
  readonly trim: () => Promise<void>;
}

export type OpenWorld = (config: PipelineConfig) => Promise<FunctionWorld>;

let opened: Promise<FunctionWorld> | undefined;
let opener: OpenWorld = async (config) => (await import('./aws.ts')).openOnAws(config);

/** Other worlds than AWS: the local one of `npm run invoke`, and tests. */
export function openWith(open: OpenWorld): void {
  opener = open;
  opened = undefined;
}

/** Opened once per execution environment and kept, so that only a cold start pays for it. */
export async function functionWorld(): Promise<FunctionWorld> {
  opened ??= deployedConfig().then((config) => opener(config));
  try {
    return await opened;
  } catch (error) {
    opened = undefined;
    throw error;
  }
}

/** The configuration that was bundled with the code, or the file that `PARTWISE_PIPELINE_FILE` names. */
async function deployedConfig(): Promise<PipelineConfig> {
  const file = process.env['PARTWISE_PIPELINE_FILE'];
  if (file !== undefined) return onAws(await parsePipeline(await readFile(file, 'utf8'), file));
  const bundled = new URL('./pipeline.json', import.meta.url);
  try {
    return onAws(JSON.parse(await readFile(bundled, 'utf8')));
  } catch (cause) {
    throw new ConfigError('no pipeline is deployed with this function', {
      cause,
      safe: 'nothing was done; what has arrived waits',
      next: 'cdk deploy',
    });
  }
}

/** A unit may use what its function has; each function alone would see its own memory. */
function onAws<Config extends PipelineConfig>(config: Config): Config {
  return { ...config, work: { ...config.work, memory: config.aws.memory } };
}
