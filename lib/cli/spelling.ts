import { commands } from './specs/index.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** A command within advice: `partwise` and the name of a command behind it. */
const commandPattern = new RegExp(
  `\\bpartwise (?=(?:${commands.map(({ name }) => name).join('|')}|help|--help)\\b)`,
  'g',
);

/**
 * Advice names commands as `partwise …`. The person may have to type `npm run partwise -- …` instead, and the
 * command only means the same thing with the same --root and --pipeline, and on the same side of --aws.
 */
export function commandSpeller(argv: readonly string[], variables: Variables): (text: string) => string {
  const typedAs =
    variables.npm_lifecycle_event !== undefined
      ? 'npm run partwise --'
      : (variables.PARTWISE_TYPED_AS ?? 'partwise');
  const valued = ['root', 'pipeline', 'profile', 'region'].flatMap((name) => {
    const value = flagOf(argv, name);
    return value === undefined ? [] : [`--${name} ${shellWord(value)}`];
  });
  const kept = argv.includes('--aws') ? [...valued, '--aws'] : valued;
  return (text) => {
    if (!/^partwise [^\n;,]*$/.test(text)) return text.replaceAll(commandPattern, `${typedAs} `);
    const missing = kept.filter((flag) => !text.includes(flag.split(' ', 1)[0] ?? flag));
    return [text.replaceAll(commandPattern, `${typedAs} `), ...(text.includes('--help') ? [] : missing)].join(
      ' ',
    );
  };
}

function flagOf(argv: readonly string[], name: string): string | undefined {
  const inline = argv.find((word) => word.startsWith(`--${name}=`));
  if (inline !== undefined) return inline.slice(name.length + 3);
  const index = argv.indexOf(`--${name}`);
  return index < 0 ? undefined : argv[index + 1];
}

/** @example shellWord("it's") // 'it'\''s' */
export function shellWord(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
