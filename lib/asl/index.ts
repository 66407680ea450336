/**
 * An interpreter for the Amazon States Language in JSONata mode: the same definition that AWS Step Functions runs,
 * in this process. It refuses, when loading, whatever it does not implement.
 *
 * @example
 * const machine = loadStateMachine(JSON.parse(text), { substitutions: { work: 'work', results: 'results' } });
 * const result = await startExecution({
 *   machine, name: 'run-1', input: {}, objects,
 *   tasks: { [LAMBDA_INVOKE]: lambdaInvoke({ work: async (payload) => ({}) }) },
 * });
 */
export type { StateMachine } from './definition.ts';
export { ErrorName, InvalidDefinitionError, StateFailure, UnsupportedDefinitionError } from './errors.ts';
export { startExecution } from './execute.ts';
export { collectHistory, HISTORY_LIMIT } from './history.ts';
export { LAMBDA_INVOKE, type LambdaFunction, lambdaInvoke } from './lambda.ts';
export { type LoadOptions, loadStateMachine } from './load.ts';
export { PAYLOAD_LIMIT_BYTES } from './payload.ts';
export type * from './types.ts';
