import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { exitCodes } from '../../lib/cli/exit-codes.ts';
import { commandHelp, overview } from '../../lib/cli/help.ts';
import { parseCommand, splitCommand } from '../../lib/cli/parse.ts';
import { commands } from '../../lib/cli/specs/index.ts';

it('the README lists the exit codes as they are', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const table = exitCodes.map(({ code, meaning }) => `| ${code} | ${meaning} |`).join('\n');
  expect(readme).toContain(`| code | meaning |\n|---|---|\n${table}\n`);
});

it('the README types only commands and flags that exist', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const typed = [...readme.matchAll(/npm run partwise -- (?<line>[^`#&\n]+)/g)].map((match) =>
    (match.groups?.line ?? '').trim(),
  );
  expect(typed.length).toBeGreaterThan(8);
  for (const line of typed) {
    const { name, rest } = splitCommand(line.replaceAll(/"[^"]*"/g, 'QUERY').split(/\s+/));
    const spec = commands.find((command) => command.name === name);
    expect(spec, line).toBeDefined();
    if (spec !== undefined) parseCommand(spec, rest);
  }
});

/** `npm test -- test/cli -u` writes the page anew. */
it('docs/cli.md is what --help prints', async () => {
  const sections = commands.map((command) => `## ${command.name}\n\n${fenced(commandHelp(command))}`);
  const page = ['# The command line', intro, fenced(overview(commands)), ...sections].join('\n\n');
  await expect(`${page}\n`).toMatchFileSnapshot('../../docs/cli.md');
});

const intro = `From a clone, \`partwise\` is typed as \`npm run partwise --\` or as \`bin/partwise\` (which can be linked into a folder of
the PATH). The advice that commands print is spelled the way they were started.

The result goes to stdout and everything about the way there to stderr. With \`--json\` stdout holds one JSON document,
also when the command fails (\`{"error": {"name", "message", "safe", "next", ...}, "exitCode"}\`); \`watch --json\` prints one
line per run. \`npm run\` prints a line of its own on stdout: for a pipe use \`npm run -s partwise --\` or \`bin/partwise\`.

With \`--profile\` or \`--region\`, or \`--aws\`, the commands that look at pipelines and run them are about the one that is deployed
on AWS: [aws/operations.md](aws/operations.md).

\`PARTWISE_DEBUG=1\` adds where in the code an error came from.`;

function fenced(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}
