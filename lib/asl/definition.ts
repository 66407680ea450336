import type { Template } from './jsonata.ts';

/** A loaded definition: every field checked, every expression compiled, nothing in it that is not implemented. */
export interface StateMachine extends Machine {
  /** Of the context object's `StateMachine.Name`. */
  readonly name: string;
  /** SHA-256 of the definition after substitution. */
  readonly digest: string;
  readonly timeoutSeconds: number | undefined;
  /** Every `Resource` of its tasks. */
  readonly resources: ReadonlySet<string>;
}

export interface Machine {
  readonly startAt: string;
  readonly states: ReadonlyMap<string, State>;
}

export type State =
  | TaskState
  | MapState
  | ParallelState
  | ChoiceState
  | PassState
  | WaitState
  | SucceedState
  | FailState;

interface StateBase {
  readonly name: string;
}

/** `next` undefined: the state ends its sequence. */
interface Flowing extends StateBase {
  readonly next: string | undefined;
  readonly assign: Assignment | undefined;
  readonly output: Template | undefined;
}

interface Retrying extends Flowing {
  readonly retry: readonly Retrier[];
  readonly catchers: readonly Catcher[];
}

export type Assignment = readonly (readonly [variable: string, value: Template])[];

export interface TaskState extends Retrying {
  readonly type: 'Task';
  readonly resource: string;
  readonly arguments: Template | undefined;
  readonly timeoutSeconds: Template | undefined;
  readonly heartbeatSeconds: Template | undefined;
}

export interface ParallelState extends Retrying {
  readonly type: 'Parallel';
  readonly arguments: Template | undefined;
  readonly branches: readonly Machine[];
}

export interface MapState extends Retrying {
  readonly type: 'Map';
  readonly mode: 'INLINE' | 'DISTRIBUTED';
  readonly label: string;
  readonly processor: Machine;
  readonly items: Template | undefined;
  readonly itemReader: ItemReader | undefined;
  readonly itemSelector: Template | undefined;
  readonly itemBatcher: ItemBatcher | undefined;
  readonly resultWriter: ResultWriter | undefined;
  readonly maxConcurrency: Template | undefined;
  readonly toleratedFailureCount: Template | undefined;
  readonly toleratedFailurePercentage: Template | undefined;
}

export interface ItemReader {
  readonly resource: 'getObject' | 'listObjectsV2';
  readonly arguments: Template;
  readonly inputType: 'JSON' | 'JSONL' | 'CSV' | 'MANIFEST' | undefined;
  readonly csvHeaderLocation: 'FIRST_ROW' | 'GIVEN';
  readonly csvHeaders: readonly string[];
  readonly csvDelimiter: string;
  /** Unescaped tokens of a JSON pointer. */
  readonly itemsPointer: readonly string[];
  readonly maxItems: Template | undefined;
}

export interface ItemBatcher {
  readonly maxItems: Template | undefined;
  readonly maxBytes: Template | undefined;
  readonly batchInput: Template | undefined;
}

export interface ResultWriter {
  /** Absent: the results are formatted, not exported. */
  readonly arguments: Template | undefined;
  readonly transformation: 'NONE' | 'COMPACT' | 'FLATTEN';
  readonly outputType: 'JSON' | 'JSONL';
}

export interface ChoiceState extends StateBase {
  readonly type: 'Choice';
  readonly choices: readonly ChoiceRule[];
  /** The state's own Assign and Output: used when no rule matches. */
  readonly fallback: ChoiceTarget | undefined;
}

interface ChoiceTarget {
  readonly next: string;
  readonly assign: Assignment | undefined;
  readonly output: Template | undefined;
}

export interface ChoiceRule extends ChoiceTarget {
  readonly condition: Template;
}

export interface PassState extends Flowing {
  readonly type: 'Pass';
}

export interface WaitState extends Flowing {
  readonly type: 'Wait';
  readonly seconds: Template | undefined;
  readonly timestamp: Template | undefined;
}

export interface SucceedState extends StateBase {
  readonly type: 'Succeed';
  readonly output: Template | undefined;
}

export interface FailState extends StateBase {
  readonly type: 'Fail';
  readonly error: Template | undefined;
  readonly cause: Template | undefined;
}

export interface Retrier {
  readonly errorEquals: readonly string[];
  readonly intervalSeconds: number;
  readonly maxAttempts: number;
  readonly backoffRate: number;
  readonly maxDelaySeconds: number | undefined;
  readonly jitter: 'FULL' | 'NONE';
}

export interface Catcher {
  readonly errorEquals: readonly string[];
  readonly next: string;
  readonly assign: Assignment | undefined;
  readonly output: Template | undefined;
}
