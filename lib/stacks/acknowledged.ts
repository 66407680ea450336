import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** A finding of cdk-nag that is right and stays, with the reason a reader of the template should know. */
export interface Acknowledged {
  /** Rule without its pack, with the finding in brackets where it has several, e.g. `IAM5[Resource::*]`. */
  readonly rule: string;
  readonly reason: string;
}

/** Accepts the findings on the construct and everything below it. */
export function acknowledge(scope: IConstruct, findings: readonly Acknowledged[]): void {
  for (const { rule, reason } of findings)
    Validations.of(scope).acknowledge({ id: `AwsSolutions-${rule}`, reason });
}
