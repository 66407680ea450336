import type { JsonataValue } from './jsonata.ts';

/** A loaded definition: every field checked, every expression compiled, nothing in it that is not implemented. */
export interface StateMachine extends Machine {
  /** SHA-256 of the definition after substitution. */
  readonly digest: string;
  readonly timeoutSeconds: number | undefined;
  readonly definition: unknown;
}

export interface Machine {
  readonly startAt: string;
  readonly states: ReadonlyMap<string, State>;
}

export type State = { readonly name: string; readonly output: JsonataValue | undefined };
