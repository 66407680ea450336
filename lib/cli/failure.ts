import { PartwiseError } from '../errors.ts';
import { printable } from '../report/format.ts';
import { storageError } from '../storage-error.ts';
import { type ExitCode, exitCodeOf } from './exit-codes.ts';
import type { Output } from './output.ts';

/** An error as people and programs get it: what failed, what is safe, what to type next. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly safe: string | undefined;
  readonly next: string | undefined;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
  readonly exitCode: ExitCode;
}

export function failureOf(thrown: unknown): Failure {
  const error = storageError(thrown);
  if (error instanceof PartwiseError) {
    const { name, message, safe, next, retryable, details } = error;
    return { name, message, safe, next, retryable, details, exitCode: exitCodeOf(name) };
  }
  const name = error instanceof Error ? error.name : 'Error';
  const message = error instanceof Error ? error.message : String(error);
  return {
    name,
    message,
    safe: undefined,
    next: undefined,
    retryable: false,
    details: {},
    exitCode: exitCodeOf(name),
  };
}

/** Prints the failure: to stderr for people, to stdout as a document with --json. Returns the exit code. */
export function reportFailure(output: Output, error: unknown, debug: boolean): ExitCode {
  const failure = failureOf(error);
  const { exitCode, ...described } = failure;
  output.document({ error: described, exitCode });
  if (!output.json) for (const line of failureLines(failure, output)) output.warn(line);
  if (debug && error instanceof Error) output.warn(error.stack ?? '');
  else if (!output.json && !(storageError(error) instanceof PartwiseError)) {
    output.warn(
      '       this is not a failure that partwise knows; PARTWISE_DEBUG=1 prints where it happened',
    );
  }
  return exitCode;
}

function failureLines(failure: Failure, output: Output): readonly string[] {
  const { style } = output;
  const lines = [
    `${style.red('failed')} ${multiline(failure.message)}${failure.exitCode === 2 ? '' : style.dim(` (${failure.name})`)}`,
  ];
  for (const difference of listed(failure.details.differences)) lines.push(`       ${difference}`);
  if (failure.safe !== undefined) lines.push(`${style.green('safe  ')} ${multiline(failure.safe)}`);
  if (failure.next !== undefined)
    lines.push(`${style.bold('next  ')} ${multiline(output.command(failure.next))}`);
  return lines;
}

function multiline(message: string): string {
  return message.split('\n').map(printable).join('\n       ');
}

function listed(value: unknown): readonly string[] {
  return Array.isArray(value)
    ? value.map((entry) => printable(typeof entry === 'string' ? entry : JSON.stringify(entry)))
    : [];
}
