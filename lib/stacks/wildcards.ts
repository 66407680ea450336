/** A wildcard that a role holds although cdk-nag asks about it, and why. */
export interface Wildcard {
  /** Matches what cdk-nag finds, e.g. `Resource::*`. */
  readonly finding: RegExp;
  readonly reason: string;
}

/**
 * Every wildcard in the stacks' roles. The stack tests find nothing else and use each of these, and
 * `docs/aws/iam.md` repeats them; a new wildcard therefore needs a line here first.
 */
export const wildcards: readonly Wildcard[] = [
  {
    finding: /^Resource::.*Staging\w*Arn\w*\/[a-z0-9_-]+(\/[a-z0-9_-]+)*\/\*$/,
    reason: "Source files: objects below the pipeline's own folders of the staging bucket.",
  },
  {
    finding: /^Resource::.*Inventories\w*Arn\w*\/\*$/,
    reason: 'Inventories: S3 chooses their names; the bucket holds nothing else.',
  },
  {
    finding: /^Resource::.*Results\w*Arn\w*\/runs\/\*$/,
    reason:
      "Run artefacts: objects below one folder of the results bucket; a run's id is not known before it starts.",
  },
  {
    finding: /^Resource::.*Warehouse\w*Arn\w*\/[a-z0-9_]+\/\*$/,
    reason: "Data and metadata files: objects below the namespace's folder of the warehouse bucket.",
  },
  {
    finding: /^Resource::.*Warehouse\w*Arn\w*\/[a-z0-9_]+\/[a-z0-9_]+_(state|dead_letters)\/\*$/,
    reason:
      'Rollups: plain files and the records of their commits, below the folders of the state and the dead letters.',
  },
  {
    finding: /^Resource::arn:<AWS::Partition>:glue:<AWS::Region>:<AWS::AccountId>:table\/[a-z0-9_]+\/\*$/,
    reason: 'Tables of the one namespace; branches of maintenance may list them.',
  },
  {
    finding: /^Resource::arn:<AWS::Partition>:s3:::.*Results\w*\/\*$/,
    reason:
      'The state machine reads item lists and writes the results of its Map Runs in the results bucket.',
  },
  {
    finding: /^Resource::<Functions\w+\.Arn>:\*$/,
    reason: 'The state machine calls its own functions, in whatever version.',
  },
  {
    finding:
      /^Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:.*Pipeline\w*.*:\*$/,
    reason:
      'The state machine watches, stops and redrives the executions of its own Maps; they have no names before.',
  },
  {
    finding: /^Resource::.*Results\w*Arn\w*\/runs\/[a-z0-9_-]+-\*$/,
    reason: "For people: artefacts of the pipeline's runs, whose ids begin with its name.",
  },
  {
    finding:
      /^Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:partwise-[a-z0-9_-]+:\*$/,
    reason: "For people: executions of the pipeline's state machine; they have no names before.",
  },
  {
    finding: /^Resource::\*$/,
    reason:
      "X-Ray, the delivery of logs and metrics take no resource; of metrics the job of Spark may give Glue's only.",
  },
  {
    finding: /^Action::kms:(ReEncrypt|GenerateDataKey)\*$/,
    reason: 'As the CDK grants the use of a key; the key itself is named.',
  },
];

export function wildcardReason(finding: string): string | undefined {
  return wildcards.find((one) => one.finding.test(finding))?.reason;
}
