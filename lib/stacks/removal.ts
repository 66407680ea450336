import { RemovalPolicy } from 'aws-cdk-lib';
import type { Node } from 'constructs';

/** Context keys of the two switches. */
export const removalSwitches = {
  allow: 'partwise:allowDataRemoval',
  /** Must hold the name of the stack whose data may go. */
  name: 'partwise:removeDataOf',
} as const;

/**
 * Whether removing a stack may remove its data. Two switches must agree: one that allows it at all, and one that names
 * the stack, so that neither a stray flag nor a copied command line is enough.
 *
 * @example cdk destroy PartwiseStorage -c partwise:allowDataRemoval=true -c partwise:removeDataOf=PartwiseStorage
 */
export function mayRemoveData(node: Node, stackName: string): boolean {
  const allowed = String(node.tryGetContext(removalSwitches.allow) ?? 'false') === 'true';
  return allowed && node.tryGetContext(removalSwitches.name) === stackName;
}

export function dataRemovalPolicy(node: Node, stackName: string): RemovalPolicy {
  return mayRemoveData(node, stackName) ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;
}
