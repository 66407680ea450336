import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { PipelineConfig } from '../../lib/config/index.ts';
import { addStacks } from '../../lib/stacks/partwise-app.ts';
import { testApp } from './nag.ts';

/** A statement of a policy, what is only known after a deployment by a name in `<>`. */
export interface Allowed {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Patterns of partition keys; undefined: any. */
  readonly leadingKeys: readonly string[] | undefined;
}

/** The policies that the stack makes for people, by name. */
export function peoplePolicies(config: PipelineConfig): ReadonlyMap<string, readonly Allowed[]> {
  const app = testApp();
  addStacks(app, [config]);
  const template = Template.fromStack(app.node.findChild(`Partwise-${config.pipeline}`) as Stack);
  return new Map(
    Object.entries(template.findResources('AWS::IAM::ManagedPolicy')).map(([id, policy]) => [
      /^People(\w+?)[0-9A-F]{8}$/.exec(id)?.[1] ?? id,
      policy['Properties'].PolicyDocument.Statement.map(allowed),
    ]),
  );
}

/** What the job of Spark may do. */
export function sparkPolicy(config: PipelineConfig): readonly Allowed[] {
  const app = testApp();
  addStacks(app, [config]);
  const template = Template.fromStack(app.node.findChild(`Partwise-${config.pipeline}`) as Stack);
  return Object.values(template.findResources('AWS::IAM::Policy'))
    .filter(({ Properties: held }) => String(held.Roles[0].Ref).startsWith('SparkRole'))
    .flatMap(({ Properties: held }) => held.PolicyDocument.Statement.map(allowed));
}

function allowed(statement: {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: { readonly 'ForAllValues:StringLike'?: Readonly<Record<string, readonly string[]>> };
}): Allowed {
  return {
    actions: [statement.Action].flat(),
    resources: [statement.Resource].flat().map(named),
    leadingKeys: statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'],
  };
}

/** @example named({'Fn::ImportValue': 'Storage:ExportsOutputFnGetAttStagingBucket1234Arn56'}) // '<Staging>' */
function named(value: unknown): string {
  if (typeof value === 'string') return value;
  const { 'Fn::Join': join, Ref: reference } = value as {
    readonly 'Fn::Join'?: readonly [string, readonly unknown[]];
    readonly Ref?: string;
  };
  if (join !== undefined) return join[1].map(named).join(join[0]);
  if (reference === 'AWS::Partition') return 'aws';
  if (reference !== undefined) return `<${reference.replace('AWS::', '')}>`;
  return `<${/(Staging|Warehouse|Results|State|Queue)/.exec(JSON.stringify(value))?.[1]}>`;
}
