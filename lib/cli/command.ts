import type { ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';

/** What a command is, for the parser, the help and the tests. Holds no code of the command itself. */
export interface CommandSpec {
  readonly name: string;
  readonly group: CommandGroup;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Paragraphs for the command's own help. */
  readonly description: readonly string[];
  readonly arguments: readonly ArgumentSpec[];
  readonly flags: readonly FlagSpec[];
  readonly examples: readonly Example[];
  /** `works` on pipelines on AWS too, or the same `regardless` of where they are; otherwise only here. */
  readonly aws?: 'works' | 'regardless';
  /** Imports the command's code; only the command that was typed is ever loaded. */
  readonly load: () => Promise<CommandHandler>;
}

export const commandGroups = ['Start', 'Work', 'Look', 'Care'] as const;
export type CommandGroup = (typeof commandGroups)[number];

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly required?: boolean;
  /** Only the last argument of a command may be repeated. */
  readonly many?: boolean;
}

/** `switch`: no value. `text`: any value. `count`: whole number from 1. `size`: bytes, with KB, MB, GB or TB. */
export type FlagKind = 'switch' | 'text' | 'count' | 'size';

export interface FlagSpec {
  readonly name: string;
  readonly kind: FlagKind;
  /** How the value is called in the help. */
  readonly value?: string;
  readonly help: string;
  readonly choices?: readonly string[];
  /** May be given more than once. */
  readonly many?: boolean;
}

export interface Example {
  readonly command: string;
  readonly what: string;
}

export type CommandHandler = (context: CommandContext) => Promise<ExitCode>;

export interface CommandContext {
  readonly arguments: readonly string[];
  readonly flags: Flags;
  readonly output: Output;
  readonly environment: Environment;
}

/** The process around the command, injected so that tests need none. */
export interface Environment {
  /** Folder that paths given on the command line are relative to. */
  readonly cwd: string;
  /** Folder that defaults (`pipelines/`, `.partwise`) are relative to. */
  readonly home: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Waits; returns at once when the signal fires. Default: the process's timers. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Flags {
  /** Value of a `text` flag. */
  text(name: string): string | undefined;
  /** Values of a `text` flag that may be repeated. */
  texts(name: string): readonly string[];
  /** Value of a `count` or `size` flag. */
  number(name: string): number | undefined;
  on(name: string): boolean;
}
