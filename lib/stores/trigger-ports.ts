/** Ports of what starts runs. Adapters stand beside this file. */

export interface ExecutionStart {
  /** At most 80 characters; the same name with the same input starts nothing twice. */
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** The executions of one pipeline's state machine. */
export interface Executions {
  isAnyRunning(): Promise<boolean>;
  /** `exists`: an execution of this name has run already and is over. */
  start(start: ExecutionStart): Promise<'started' | 'exists'>;
}

/** Messages to ourselves. */
export interface Wakes {
  /** Asks to be called again, at most 15 minutes from now. */
  later(pipeline: string, delaySeconds: number): Promise<void>;
}

export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** What lies in the staging bucket now. */
export interface SourceListing {
  list(prefix: string): AsyncIterable<ListedObject>;
}

/** Tells others how a run ended. */
export interface Announcer {
  runEnded(detail: Readonly<Record<string, unknown>>): Promise<void>;
}
