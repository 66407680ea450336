import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExitCode } from '../../lib/cli/exit-codes.ts';
import { main } from '../../lib/cli/main.ts';

export interface Ran {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Home extends AsyncDisposable {
  readonly path: string;
  /** Runs one command line in this folder, as a process without a terminal would. */
  run(...argv: readonly string[]): Promise<Ran>;
  /** The same with --json; the document that was printed. */
  json(...argv: readonly string[]): Promise<Record<string, unknown> & { readonly exitCode?: number }>;
}

export interface HomeOptions {
  readonly variables?: Readonly<Record<string, string>>;
  /** Or what gives the signal of the next command. */
  readonly signal?: AbortSignal | (() => AbortSignal);
  readonly sleep?: (ms: number) => Promise<void>;
  readonly onStderr?: (text: string) => void;
}

/** A folder of its own to run command lines in. */
export async function newHome(options: HomeOptions = {}): Promise<Home> {
  const path = await mkdtemp(join(tmpdir(), 'partwise-cli-'));
  const run = (...argv: readonly string[]) => runIn(path, argv, options);
  return {
    path,
    run,
    json: async (...argv) => JSON.parse((await run(...argv, '--json')).stdout),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** Runs a command line that touches no folder. */
export function runOnce(...argv: readonly string[]): Promise<Ran> {
  return runIn('/nonexistent', argv, {});
}

async function runIn(path: string, argv: readonly string[], options: HomeOptions): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const code = await main(argv, {
    stdout: { write: (text) => (stdout += text) },
    stderr: {
      write: (text) => {
        stderr += text;
        options.onStderr?.(text);
      },
    },
    environment: {
      home: path,
      cwd: path,
      variables: options.variables ?? {},
      signal: signalOf(options),
      now: Date.now,
      ...(options.sleep === undefined ? {} : { sleep: options.sleep }),
    },
  });
  return { code, stdout, stderr };
}

function signalOf({ signal = new AbortController().signal }: HomeOptions): AbortSignal {
  return typeof signal === 'function' ? signal() : signal;
}
