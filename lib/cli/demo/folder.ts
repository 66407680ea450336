import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { UsageError } from '../../errors.ts';
import { makeRoot } from '../../stores/folder/root-folder.ts';
import type { CommandContext } from '../command.ts';
import { shellWord } from '../spelling.ts';

/** Marks a folder as made by the demo: only such a folder, or an empty one, is ever replaced. */
const marker = '.made-by-partwise-demo';

/** The folder that a demo is made in. */
export function demoFolder({ flags, environment }: CommandContext): string {
  const into = flags.text('into') ?? flags.text('root');
  return into === undefined ? join(environment.home, 'demo-warehouse') : resolve(environment.cwd, into);
}

/** @throws UsageError when there is something in it that no demo has made */
export async function emptyFolder(root: string): Promise<void> {
  const entries = await readdir(root).catch(() => []);
  const ours = await access(join(root, marker)).then(
    () => true,
    () => false,
  );
  if (entries.length > 0 && !ours) {
    throw new UsageError(`${root} is not empty and was not made by the demo`, {
      safe: 'it is as it was',
      next: 'partwise demo --into DIR',
    });
  }
  await makeRoot(root);
  await rm(root, { recursive: true, force: true });
  await mkdir(root);
  await writeFile(join(root, marker), '');
}

/** Advice for a person who did not type --root: the demo's folder is not the default. */
export function inRoot(context: CommandContext, root: string): CommandContext {
  const { output, environment } = context;
  const suffix =
    context.flags.text('root') === undefined ? ` --root ${shellWord(relative(environment.home, root))}` : '';
  return { ...context, output: { ...output, command: (text) => output.command(`${text}${suffix}`) } };
}
