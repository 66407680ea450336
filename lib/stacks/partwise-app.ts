import { type App, Tags } from 'aws-cdk-lib';
import { type PipelineConfig, parseDurationMs } from '../config/index.ts';
import { functionCode } from './function-code.ts';
import { PipelineStack } from './pipeline-stack.ts';
import { StorageStack } from './storage-stack.ts';

/** Context keys that the app reads, besides the two of `removal.ts`. */
const contextKeys = {
  /** Name of the storage stack and prefix of the pipelines' stacks. */
  name: 'partwise:name',
  /** `true`: a KMS key of the account's own. */
  customerKey: 'partwise:customerKey',
} as const;

/** One storage stack and a stack per pipeline. */
export function addStacks(app: App, configs: readonly PipelineConfig[]): void {
  const name = String(app.node.tryGetContext(contextKeys.name) ?? 'Partwise');
  const env = {
    ...(process.env['CDK_DEFAULT_ACCOUNT'] === undefined
      ? {}
      : { account: process.env['CDK_DEFAULT_ACCOUNT'] }),
    ...(process.env['CDK_DEFAULT_REGION'] === undefined ? {} : { region: process.env['CDK_DEFAULT_REGION'] }),
  };
  const { storage } = new StorageStack(app, `${name}Storage`, {
    env,
    resumeHorizonDays: Math.max(1, ...configs.map((one) => parseDurationMs(one.resumeHorizon) / 86_400_000)),
    customerKey: String(app.node.tryGetContext(contextKeys.customerKey) ?? 'false') === 'true',
    namespaces: configs.map((one) => one.tables.namespace),
  });
  for (const config of configs)
    new PipelineStack(app, `${name}-${config.pipeline.replaceAll('_', '-')}`, {
      env,
      config,
      storage,
      code: functionCode(config),
    });
  Tags.of(app).add('application', 'partwise');
}
