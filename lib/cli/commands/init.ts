import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parsePipeline, type SummaryConfig, summaryOnly } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { makeRoot } from '../../stores/root-folder.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { inspectFile } from '../infer/inspect.ts';
import { pipelineText } from '../infer/pipeline-text.ts';
import { assignRoles, deleteCandidates, type Roles } from '../infer/roles.ts';
import { templateText } from '../infer/template.ts';
import { pipelinesFolder, rememberPipeline, rootFolder } from '../pipeline.ts';
import { shellWord } from '../spelling.ts';

const schemaFile = fileURLToPath(new URL('../../../docs/schema/pipeline.schema.json', import.meta.url));

export const init: CommandHandler = async (context) => {
  const { flags, output } = context;
  const from = flags.text('from');
  const target = await targetFile(context, from);
  const schemaPath = relative(dirname(target.path), schemaFile);
  const made =
    from === undefined
      ? { text: templateText(target.name, schemaPath), roles: undefined, notes: [] }
      : await inferred(context, from, target.name, schemaPath);
  const config = summaryOnly(await parsePipeline(made.text, target.path), 'init');
  await makeRoot(rootFolder(context));
  await mkdir(dirname(target.path), { recursive: true });
  await writeFile(target.path, made.text);
  await rememberPipeline(rootFolder(context), target.path);

  const shown = relative(context.environment.home, target.path);
  output.line(
    `wrote ${shown}, now the default pipeline of ${relative(context.environment.home, rootFolder(context)) || '.'}`,
  );
  output.lines(roleLines(config, made.roles));
  for (const note of made.notes) output.line(`  note     ${note}`);
  const next =
    from === undefined ? `edit ${shown}, then: partwise run FILE` : `partwise run ${shellWord(from)}`;
  output.line(`next   ${output.command(next)}`);
  output.document({
    pipeline: config.pipeline,
    path: target.path,
    guessed: made.roles?.guessed ?? [],
    notes: made.notes,
    config,
  });
  return 0;
};

async function inferred(context: CommandContext, from: string, name: string, schemaPath: string) {
  const { flags, environment } = context;
  const path = resolve(environment.cwd, from);
  await access(path).catch(() => {
    throw new UsageError(`there is no file ${path}`, { safe: 'nothing was written' });
  });
  const workFolder = await mkdtemp(join(tmpdir(), 'partwise-init-'));
  try {
    const file = await inspectFile(path, workFolder);
    const roles = assignRoles(file, {
      key: flags.text('key'),
      month: flags.text('month'),
      version: flags.text('version'),
      history: flags.texts('history'),
      delete: flags.text('delete'),
    });
    const given = flags.texts('delete-code');
    const text = pipelineText({
      name,
      file,
      roles,
      deleteCodes: given.length > 0 ? given : ['1', '4'],
      historyLength: flags.number('history-length'),
      schemaPath,
    });
    const candidates = roles.delete === undefined ? deleteCandidates(file) : [];
    const notes = candidates.map(
      (column) => `column ${column} looks like a delete code; --delete ${column} makes it one`,
    );
    return { text, roles, notes };
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

async function targetFile(context: CommandContext, from: string | undefined) {
  const given = context.flags.text('name');
  if (given === undefined && from === undefined) {
    throw new UsageError('init needs a file to look at or a name', { next: 'partwise init --from FILE' });
  }
  const name = given ?? pipelineNameFrom(from ?? '');
  const path = join(pipelinesFolder(context), `${name}.yaml`);
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(name)) {
    throw new UsageError(
      `'${name}' cannot be a pipeline's name: lower-case letters, digits, - and _, starting with a letter`,
    );
  }
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there && !context.flags.on('force')) {
    throw new UsageError(`${path} exists already`, {
      safe: 'it is as it was',
      next: 'the same with --force to replace it, or with --name NAME',
    });
  }
  return { name, path };
}

/** @example pipelineNameFrom('/data/Mine 2026.csv.gz') // 'mine_2026' */
export function pipelineNameFrom(file: string): string {
  const stem = basename(file)
    .toLowerCase()
    .replace(/\.gz$/, '')
    .replace(/\.[^.]+$/, '');
  const name = stem
    .replace(/[^a-z0-9_-]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, 62);
  return name === '' ? 'records' : name;
}

function roleLines(config: SummaryConfig, roles: Roles | undefined): readonly string[] {
  const guessed = (role: 'key' | 'month' | 'version') =>
    roles?.guessed.includes(role) === true ? '  (guessed)' : '';
  return [
    `  key      ${config.key}${guessed('key')}`,
    `  month    ${config.month}${guessed('month')}`,
    `  version  ${config.version}${guessed('version')}`,
    `  history  ${config.history.map(({ name }) => name).join(', ')}; ${config.historyLength} months`,
    ...(config.delete === undefined
      ? []
      : [`  deletes  ${config.delete.column} in ${config.delete.codes.join(', ')}`]),
  ];
}
