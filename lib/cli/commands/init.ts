import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PipelineConfig, parsePipeline } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { makeRoot } from '../../stores/folder/root-folder.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { type InspectedFile, inspectFile } from '../infer/inspect.ts';
import { pipelineText } from '../infer/pipeline-text.ts';
import { assignPointRoles } from '../infer/point-roles.ts';
import { pointTemplate, pointText } from '../infer/point-text.ts';
import { assignRoles, deleteCandidates } from '../infer/roles.ts';
import { templateText } from '../infer/template.ts';
import { unitNames } from '../infer/time-unit.ts';
import { pipelinesFolder, rememberPipeline, rootFolder } from '../pipeline.ts';
import { shellWord } from '../spelling.ts';

const schemaFile = fileURLToPath(new URL('../../../docs/schema/pipeline.schema.json', import.meta.url));

/** Flags that only a pipeline of rollups, or only one of summaries, has a use for. */
const flagsOf = {
  rollup: ['series', 'time', 'value', 'shard', 'label', 'quantiles'],
  summary: ['key', 'month', 'version', 'history', 'delete', 'delete-code', 'history-length'],
} as const;

interface Made {
  readonly text: string;
  readonly guessed: readonly string[];
  readonly notes: readonly string[];
}

export const init: CommandHandler = async (context) => {
  const { flags, output } = context;
  const kind = kindOf(context);
  const from = flags.text('from');
  const target = await targetFile(context, from);
  const schemaPath = relative(dirname(target.path), schemaFile);
  const start = `${new Date(context.environment.now()).toISOString().slice(0, 10)}T00:00:00Z`;
  const options: MakeOptions = {
    context,
    name: target.name,
    schemaPath,
    start,
    quantiles: quantilesOf(flags.text('quantiles')),
  };
  const made =
    from === undefined
      ? { text: template(kind, options), guessed: [], notes: [] }
      : await withInspected(context, from, (file) =>
          kind === 'rollup' ? rollupOf(file, options) : summaryOf(file, options),
        );
  const config = await parsePipeline(made.text, target.path);
  await makeRoot(rootFolder(context));
  await mkdir(dirname(target.path), { recursive: true });
  await writeFile(target.path, made.text);
  await rememberPipeline(rootFolder(context), target.path);

  const shown = relative(context.environment.home, target.path);
  output.line(
    `wrote ${shown}, now the default pipeline of ${relative(context.environment.home, rootFolder(context)) || '.'}`,
  );
  output.lines(roleLines(config, made.guessed));
  for (const note of made.notes) output.line(`  note     ${note}`);
  const next =
    from === undefined ? `edit ${shown}, then: partwise run FILE` : `partwise run ${shellWord(from)}`;
  output.line(`next   ${output.command(next)}`);
  output.document({
    pipeline: config.pipeline,
    path: target.path,
    guessed: made.guessed,
    notes: made.notes,
    config,
  });
  return 0;
};

/** @throws UsageError for flags of the other kind */
function kindOf({ flags }: CommandContext): 'rollup' | 'summary' {
  const isGiven = (name: string) => flags.text(name) !== undefined || flags.texts(name).length > 0;
  const given = (kind: keyof typeof flagsOf) =>
    flagsOf[kind].filter((name) => isGiven(name) || flags.number(name) !== undefined);
  const [ofRollup, ofSummary] = [given('rollup'), given('summary')];
  const kind = flags.on('rollup') || ofRollup.length > 0 ? 'rollup' : 'summary';
  if (kind === 'rollup' && ofSummary.length > 0)
    throw new UsageError(
      `--${ofSummary[0]} is for a pipeline of summaries, ${flags.on('rollup') ? '--rollup' : `--${ofRollup[0]}`} for one of rollups`,
      { safe: 'nothing was written' },
    );
  return kind;
}

async function withInspected(
  context: CommandContext,
  from: string,
  make: (file: InspectedFile) => Made,
): Promise<Made> {
  const path = resolve(context.environment.cwd, from);
  await access(path).catch(() => {
    throw new UsageError(`there is no file ${path}`, { safe: 'nothing was written' });
  });
  const workFolder = await mkdtemp(join(tmpdir(), 'partwise-init-'));
  try {
    return make(await inspectFile(path, workFolder));
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

interface MakeOptions {
  readonly context: CommandContext;
  readonly name: string;
  readonly schemaPath: string;
  /** Where the batches of a pipeline of rollups start. */
  readonly start: string;
  readonly quantiles: readonly number[] | undefined;
}

/** @throws UsageError when they are no list of numbers from 0 to 1 */
function quantilesOf(given: string | undefined): readonly number[] | undefined {
  if (given === undefined) return undefined;
  const values = given.split(',').map((one) => one.trim());
  const wrong = values.find((one) => !/^(0|1|0?\.\d{1,6}|1\.0+)$/.test(one));
  if (wrong !== undefined)
    throw new UsageError(`--quantiles: '${wrong}' is no number from 0 to 1 with up to six digits`, {
      safe: 'nothing was written',
      next: '--quantiles 0.5,0.95,0.99',
    });
  return [...new Set(values.map(Number))];
}

function template(kind: 'rollup' | 'summary', { context: _, ...options }: MakeOptions): string {
  return kind === 'rollup' ? pointTemplate(options) : templateText(options.name, options.schemaPath);
}

function rollupOf(file: InspectedFile, { context: { flags }, ...options }: MakeOptions): Made {
  const roles = assignPointRoles(file, {
    series: flags.text('series'),
    time: flags.text('time'),
    value: flags.text('value'),
    shard: flags.text('shard'),
    labels: flags.texts('label'),
  });
  return { text: pointText({ ...options, file, roles }), guessed: roles.guessed, notes: [] };
}

function summaryOf(file: InspectedFile, { context: { flags }, ...options }: MakeOptions): Made {
  const roles = assignRoles(file, {
    key: flags.text('key'),
    month: flags.text('month'),
    version: flags.text('version'),
    history: flags.texts('history'),
    delete: flags.text('delete'),
  });
  const given = flags.texts('delete-code');
  const text = pipelineText({
    ...options,
    file,
    roles,
    deleteCodes: given.length > 0 ? given : ['1', '4'],
    historyLength: flags.number('history-length'),
  });
  const candidates = roles.delete === undefined ? deleteCandidates(file) : [];
  const notes = candidates.map(
    (column) => `column ${column} looks like a delete code; --delete ${column} makes it one`,
  );
  return { text, guessed: roles.guessed, notes };
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

function roleLines(config: PipelineConfig, guesses: readonly string[]): readonly string[] {
  const guessed = (role: string) => (guesses.includes(role) ? '  (guessed)' : '');
  if (config.kind === 'rollup') {
    const { series, time, value, shard, labels } = config.points;
    return [
      `  series   ${series.name}${guessed('series')}`,
      `  time     ${time.from}, ${time.type === 'bigint' ? `${unitNames[time.unit ?? 'ms']} since 1970` : 'UTC'}${guessed('time')}`,
      `  value    ${value.from}${guessed('value')}`,
      `  shard    ${shard.name}`,
      `  labels   ${labels.map(({ name }) => name).join(', ') || 'none'}`,
      ...(config.quantiles === null
        ? []
        : [`  quantiles ${config.quantiles.values.join(', ')} within ${config.quantiles.relativeAccuracy}`]),
      `  windows  ${config.resolutions.join(', ')}; batches of ${config.batches.every} from ${config.batches.start}`,
    ];
  }
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
