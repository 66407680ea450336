import { toJson } from '../report/json.ts';
import { makeStyle, type Style } from './style.ts';

export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/**
 * Where a command's words go: the result to stdout, everything about the way to it to stderr, so that a pipe
 * gets the result alone. With `--json` stdout holds one JSON document and nothing else.
 */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly style: Style;
  readonly stderr: Stream;
  /** Columns of the terminal; unlimited when stdout is no terminal. */
  readonly width: number;
  /** A line of the result for people; silent with --json. */
  line(text?: string): void;
  lines(texts: readonly string[]): void;
  /** A remark on the way, to stderr; silent with --quiet. */
  note(text: string): void;
  warn(text: string): void;
  /** The result for programs; silent without --json. */
  document(value: unknown): void;
  /** A `partwise …` command as this person has to type it here. */
  command(text: string): string;
  /** Text that goes to stdout in either mode (CSV, completed lines of a stream). */
  raw(text: string): void;
}

export interface OutputOptions {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly color: boolean;
  /** Default: as it is. */
  readonly command?: (text: string) => string;
}

export function makeOutput(options: OutputOptions): Output {
  const { stdout, stderr, json, quiet } = options;
  const out = (text: string) => void stdout.write(`${text}\n`);
  const err = (text: string) => void stderr.write(`${text}\n`);
  return {
    json,
    quiet,
    stderr,
    style: makeStyle(options.color && stdout.isTTY === true),
    width: stdout.isTTY === true ? (stdout.columns ?? 80) : Number.POSITIVE_INFINITY,
    line: (text = '') => {
      if (!json) out(text);
    },
    lines: (texts) => {
      if (!json) for (const text of texts) out(text);
    },
    note: (text) => {
      if (!quiet) err(text);
    },
    warn: err,
    document: (value) => {
      if (json) out(toJson(value, 2));
    },
    command: options.command ?? ((text) => text),
    raw: (text) => void stdout.write(text),
  };
}
