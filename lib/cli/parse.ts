import { parseArgs } from 'node:util';
import { UsageError } from '../errors.ts';
import type { CommandSpec, FlagSpec, Flags } from './command.ts';
import { globalFlags, versionFlag } from './globals.ts';
import { didYouMean } from './suggest.ts';

type FlagValue = string | number | boolean | readonly string[];

const sizeUnits: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** The command's name: the first word that is no flag and no global flag's value. */
export function splitCommand(argv: readonly string[]): {
  readonly name: string | undefined;
  readonly rest: readonly string[];
} {
  const { tokens } = tokenize(argv, [...globalFlags, versionFlag]);
  const command = tokens.find((token) => token.kind === 'positional');
  if (command === undefined) return { name: undefined, rest: argv };
  return { name: command.value, rest: argv.filter((_, index) => index !== command.index) };
}

/** Flags that stand without a command: only the global ones. @throws UsageError */
export function parseGlobals(argv: readonly string[]): Flags {
  return readFlags(argv, [...globalFlags, versionFlag], 'partwise --help').flags;
}

/** @throws UsageError naming the flag or argument, with the nearest known one. */
export function parseCommand(
  spec: CommandSpec,
  argv: readonly string[],
): { readonly flags: Flags; readonly arguments: readonly string[] } {
  const help = `partwise ${spec.name} --help`;
  const parsed = readFlags(argv, [...spec.flags, ...globalFlags], help);
  if (!parsed.flags.on('help')) checkArguments(spec, parsed.positionals, help);
  return { flags: parsed.flags, arguments: parsed.positionals };
}

function checkArguments(spec: CommandSpec, given: readonly string[], help: string): void {
  const missing = spec.arguments.filter((argument) => argument.required === true)[given.length];
  if (missing !== undefined)
    throw new UsageError(`${spec.name} needs ${missing.name}: ${missing.help}`, { next: help });
  const takesMore = spec.arguments.at(-1)?.many === true;
  const surplus = given[spec.arguments.length];
  if (surplus !== undefined && !takesMore) {
    throw new UsageError(`${spec.name} does not take the argument '${surplus}'`, { next: help });
  }
}

function readFlags(argv: readonly string[], known: readonly FlagSpec[], help: string) {
  const values = new Map<string, FlagValue>();
  const positionals: string[] = [];
  const { tokens } = tokenize(argv, known);
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = known.find((candidate) => candidate.name === token.name);
    if (flag === undefined) {
      const names = known.map((candidate) => candidate.name);
      throw new UsageError(`unknown flag ${token.rawName}${didYouMean(token.name, names, '--')}`, {
        next: help,
      });
    }
    values.set(flag.name, flagValue(flag, token, values.get(flag.name), help));
  }
  return { flags: accessors(values), positionals };
}

interface OptionToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function flagValue(
  flag: FlagSpec,
  token: OptionToken,
  earlier: FlagValue | undefined,
  help: string,
): FlagValue {
  const refuse = (problem: string): never => {
    throw new UsageError(`--${flag.name} ${problem}`, { next: help });
  };
  if (flag.kind === 'switch') return token.value === undefined ? true : refuse('takes no value');
  const value = token.value;
  if (value === undefined) return refuse(`needs a value (${flag.value ?? flag.kind})`);
  if (token.inlineValue !== true && value.startsWith('--')) {
    return refuse(
      `needs a value (${flag.value ?? flag.kind}); for a value that starts with --, write --${flag.name}=${value}`,
    );
  }
  if (earlier !== undefined && flag.many !== true) return refuse('is given twice');
  if (flag.kind === 'count')
    return /^[1-9]\d{0,14}$/.test(value)
      ? Number(value)
      : refuse(`needs a whole number from 1, not '${value}'`);
  if (flag.kind === 'size')
    return parseSize(value) ?? refuse(`needs a size such as 900MB or 2GB, not '${value}'`);
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    return refuse(`must be ${flag.choices.join(', ')}, not '${value}'${didYouMean(value, flag.choices)}`);
  }
  return flag.many === true ? [...(Array.isArray(earlier) ? earlier : []), value] : value;
}

/** Bytes of `900MB`, `1.5 GB`, `1024`; undefined when it is no size. */
export function parseSize(value: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s?([KMGT]?B)?$/i.exec(value.trim());
  const unit = sizeUnits[(match?.[2] ?? 'B').toUpperCase()];
  if (match?.[1] === undefined || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return bytes > 0 ? bytes : undefined;
}

function tokenize(argv: readonly string[], known: readonly FlagSpec[]) {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const flag of known) options[flag.name] = { type: flag.kind === 'switch' ? 'boolean' : 'string' };
  options.help = { type: 'boolean', short: 'h' };
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
}

function accessors(values: ReadonlyMap<string, FlagValue>): Flags {
  return {
    text: (name) => {
      const value = values.get(name);
      return typeof value === 'string' ? value : undefined;
    },
    texts: (name) => {
      const value = values.get(name);
      return Array.isArray(value) ? value : [];
    },
    number: (name) => {
      const value = values.get(name);
      return typeof value === 'number' ? value : undefined;
    },
    on: (name) => values.get(name) === true,
  };
}
