import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { PipelineConfig } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import { makeRoot } from '../stores/folder/root-folder.ts';
import type { CommandContext } from './command.ts';
import { didYouMean } from './suggest.ts';

/** Below the root: which pipeline file is meant when none is named. One line, a path relative to the root. */
const defaultFile = 'default-pipeline';

export interface LoadedPipeline {
  readonly path: string;
  readonly config: PipelineConfig;
}

/** Absolute path of the root folder. */
export function rootFolder(context: Pick<CommandContext, 'flags' | 'environment'>): string {
  const given = context.flags.text('root');
  return given === undefined
    ? resolve(context.environment.home, '.partwise')
    : resolve(context.environment.cwd, given);
}

export function pipelinesFolder(context: Pick<CommandContext, 'environment'>): string {
  return join(context.environment.home, 'pipelines');
}

/** @throws UsageError when no pipeline is named and none can be meant; ConfigError when it is wrong */
export async function loadChosenPipeline(context: CommandContext): Promise<LoadedPipeline> {
  const path = await chosenPipelineFile(context);
  const { loadPipeline } = await import('../config/index.ts');
  return { path, config: await loadPipeline(path) };
}

/** The file named by --pipeline, else the default of the root, else the only one in pipelines/. */
async function chosenPipelineFile(context: Pick<CommandContext, 'flags' | 'environment'>): Promise<string> {
  const folder = pipelinesFolder(context);
  const named = context.flags.text('pipeline');
  const files = await pipelineFiles(folder);
  if (named !== undefined) return namedPipeline(context, named, files);
  const remembered = await rememberedPipeline(rootFolder(context));
  if (remembered !== undefined) return remembered;
  const [only] = files;
  if (only !== undefined && files.length === 1) return join(folder, only);
  if (files.length === 0) {
    throw new UsageError(`there is no pipeline in ${folder}`, { next: 'partwise init --from FILE' });
  }
  throw new UsageError(`which pipeline? There are ${files.map(pipelineName).join(', ')}`, {
    next: 'the same with --pipeline NAME; partwise init makes one for a file of your own and remembers it',
  });
}

async function namedPipeline(
  context: Pick<CommandContext, 'environment'>,
  named: string,
  files: readonly string[],
): Promise<string> {
  if (/[/\\]|\.ya?ml$/.test(named)) {
    const path = resolve(context.environment.cwd, named);
    if (await exists(path)) return path;
    throw new UsageError(`there is no pipeline file ${path}`, { next: 'partwise init --from FILE' });
  }
  const match = files.find((file) => pipelineName(file) === named);
  if (match !== undefined) return join(pipelinesFolder(context), match);
  const names = files.map(pipelineName);
  throw new UsageError(
    `there is no pipeline '${named}' in ${pipelinesFolder(context)}${didYouMean(named, names)}`,
    {
      next: names.length === 0 ? 'partwise init --from FILE' : `--pipeline ${names.join(' | ')}`,
    },
  );
}

/** Makes the file the one that commands on this root mean. */
export async function rememberPipeline(root: string, path: string): Promise<void> {
  await makeRoot(root);
  await writeFile(join(root, defaultFile), `${relative(root, path)}\n`);
}

async function rememberedPipeline(root: string): Promise<string | undefined> {
  let line: string;
  try {
    line = (await readFile(join(root, defaultFile), 'utf8')).trim();
  } catch {
    return undefined;
  }
  const path = resolve(root, line);
  return (await exists(path)) ? path : undefined;
}

async function pipelineFiles(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((file) => /\.ya?ml$/.test(file)).sort();
  } catch {
    return [];
  }
}

function pipelineName(file: string): string {
  return basename(file).replace(/\.ya?ml$/, '');
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
