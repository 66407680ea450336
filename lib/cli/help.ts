import { type ArgumentSpec, type CommandSpec, commandGroups, type FlagSpec } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { globalFlags, versionFlag } from './globals.ts';

const lineWidth = 100;

/** `partwise --help`. */
export function overview(commands: readonly CommandSpec[]): string {
  const lines = [
    'partwise: keeps very large tables up to date, one partition at a time, with all-or-nothing results',
    '',
    'Usage: partwise COMMAND [ARGUMENTS] [FLAGS]',
  ];
  for (const group of commandGroups) {
    const members = commands.filter((command) => command.group === group);
    lines.push('', `${group}:`, ...columns(members.map((command) => [command.name, command.summary])));
  }
  lines.push('', 'Flags of every command:', ...flagLines([...globalFlags, versionFlag]));
  lines.push('', 'Exit codes:', ...columns(exitCodes.map(({ code, meaning }) => [String(code), meaning])));
  lines.push('', 'partwise COMMAND --help says more, with examples. New here: partwise demo');
  return lines.join('\n');
}

/** `partwise COMMAND --help`. */
export function commandHelp(spec: CommandSpec): string {
  const lines = [`partwise ${spec.name}: ${spec.summary}`, '', `Usage: ${usage(spec)}`];
  for (const paragraph of spec.description) lines.push('', ...wrap(paragraph, lineWidth));
  if (spec.arguments.length > 0) {
    lines.push(
      '',
      'Arguments:',
      ...columns(spec.arguments.map((argument) => [argument.name, argument.help])),
    );
  }
  if (spec.flags.length > 0) lines.push('', 'Flags:', ...flagLines(spec.flags));
  lines.push('', 'Flags of every command:', ...flagLines(globalFlags));
  lines.push('', 'Examples:');
  for (const example of spec.examples) lines.push(`  ${example.command}`, `      ${example.what}`);
  return lines.join('\n');
}

function usage(spec: CommandSpec): string {
  return ['partwise', spec.name, ...spec.arguments.map(argumentUsage), '[FLAGS]'].join(' ');
}

function argumentUsage(argument: ArgumentSpec): string {
  const name = argument.many === true ? `${argument.name}...` : argument.name;
  return argument.required === true ? name : `[${name}]`;
}

function flagLines(flags: readonly FlagSpec[]): readonly string[] {
  return columns(
    flags.map((flag) => {
      const value = flag.kind === 'switch' ? '' : ` ${flag.value ?? flag.kind.toUpperCase()}`;
      const choices = flag.choices === undefined ? '' : ` (${flag.choices.join(', ')})`;
      return [
        `--${flag.name}${value}`,
        `${flag.help}${choices}${flag.many === true ? '; may be repeated' : ''}`,
      ];
    }),
  );
}

function columns(rows: readonly (readonly [name: string, text: string])[]): readonly string[] {
  const size = Math.min(26, Math.max(...rows.map(([name]) => name.length)));
  const indent = ' '.repeat(size + 4);
  return rows.flatMap(([name, text]) => {
    const [first = '', ...more] = wrap(text, lineWidth - indent.length);
    return [`  ${name.padEnd(size)}  ${first}`, ...more.map((line) => indent + line)];
  });
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
