import { readFile } from 'node:fs/promises';
import { PartwiseError, UsageError } from '../errors.ts';
import type { CommandSpec, Environment } from './command.ts';
import type { ExitCode } from './exit-codes.ts';
import { reportFailure } from './failure.ts';
import { commandHelp, overview } from './help.ts';
import { checkPlace } from './on-aws.ts';
import { makeOutput, type Output, type Stream } from './output.ts';
import { parseCommand, parseGlobals, splitCommand } from './parse.ts';
import { commands } from './specs/index.ts';
import { commandSpeller } from './spelling.ts';
import { didYouMean } from './suggest.ts';

export interface MainOptions {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly environment: Environment;
}

/** Runs one command line and returns its exit code; never throws and never ends the process. */
export async function main(argv: readonly string[], options: MainOptions): Promise<ExitCode> {
  const output = outputFor(argv, options);
  const { variables, signal } = options.environment;
  try {
    const code = await dispatch(argv, output, options.environment);
    return signal.aborted && code !== 0 ? 130 : code;
  } catch (error) {
    const known = error instanceof PartwiseError;
    const code = reportFailure(output, error, variables.PARTWISE_DEBUG === '1');
    return signal.aborted && (!known || code === 1) ? 130 : code;
  }
}

async function dispatch(
  argv: readonly string[],
  output: Output,
  environment: Environment,
): Promise<ExitCode> {
  const { name, rest } = splitCommand(argv);
  if (name === undefined) return withoutCommand(rest, output);
  if (name === 'help')
    return help(
      rest.find((word) => !word.startsWith('-')),
      output,
    );
  const spec = commandNamed(name);
  const { flags, arguments: words } = parseCommand(spec, rest);
  if (flags.on('help')) return help(spec.name, output);
  checkPlace(spec, { flags, environment });
  const handler = await spec.load();
  return handler({ arguments: words, flags, output, environment });
}

async function withoutCommand(argv: readonly string[], output: Output): Promise<ExitCode> {
  const flags = parseGlobals(argv);
  if (flags.on('version')) {
    const version = await packageVersion();
    output.line(version);
    output.document({ version, node: process.versions.node });
    return 0;
  }
  return help(undefined, output);
}

function help(name: string | undefined, output: Output): ExitCode {
  if (name === undefined) {
    output.line(overview(commands));
    output.document(commands.map(describe));
  } else {
    const spec = commandNamed(name);
    output.line(commandHelp(spec));
    output.document(describe(spec));
  }
  return 0;
}

function describe({ load: _, ...described }: CommandSpec): Omit<CommandSpec, 'load'> {
  return described;
}

function commandNamed(name: string): CommandSpec {
  const spec = commands.find((candidate) => candidate.name === name);
  if (spec !== undefined) return spec;
  const names = commands.map((candidate) => candidate.name);
  throw new UsageError(`unknown command '${name}'${didYouMean(name, names)}`, { next: 'partwise --help' });
}

/** Made before the flags are checked, because a wrong flag must be reported in the form that was asked for. */
function outputFor(argv: readonly string[], options: MainOptions): Output {
  const variables = options.environment.variables;
  const noColor =
    argv.includes('--no-color') || (variables.NO_COLOR ?? '') !== '' || variables.TERM === 'dumb';
  return makeOutput({
    stdout: options.stdout,
    stderr: options.stderr,
    json: argv.includes('--json'),
    quiet: argv.includes('--quiet'),
    color: !noColor,
    command: commandSpeller(argv, variables),
  });
}

async function packageVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
