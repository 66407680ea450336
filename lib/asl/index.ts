import type { StateMachine } from './definition.ts';
import type { ExecutionOptions, ExecutionResult, Json, TaskHandler } from './types.ts';

export type { StateMachine } from './definition.ts';
export type * from './types.ts';

export interface LoadOptions {
  /** Values for `${name}` in the definition's strings, as CloudFormation's DefinitionSubstitutions. An unbound one is refused. */
  readonly substitutions?: Readonly<Record<string, string>>;
}

/**
 * @throws InvalidDefinitionError the definition breaks the States Language; `details.path` says where
 * @throws UnsupportedDefinitionError a field, a value or a state type that this interpreter does not implement
 */
export declare function loadStateMachine(definition: unknown, options?: LoadOptions): StateMachine;

/** Runs to the end; an execution that fails is a result, not an exception. */
export declare function startExecution(options: ExecutionOptions): Promise<ExecutionResult>;

/**
 * The handler of `arn:aws:states:::lambda:invoke`: calls `functions[Arguments.FunctionName](Arguments.Payload)` and
 * answers as the service does, `{ExecutedVersion, Payload, StatusCode}`. An unknown name raises Lambda.ResourceNotFoundException.
 */
export declare function lambdaInvoke(
  functions: Readonly<Record<string, (payload: Json, call: import('./types.ts').TaskCall) => Promise<unknown>>>,
): TaskHandler;
