import type { PipelineConfig } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import type { CommandContext } from './command.ts';
import { type LoadedPipeline, loadChosenPipeline } from './pipeline.ts';

type Kind = PipelineConfig['kind'];

/** Flags that only a batch of points, or only a run on a summary table, has a use for. */
const flagsOf: Readonly<Record<Kind, readonly string[]>> = {
  rollup: ['series'],
  summary: ['rows', 'months', 'records', 'record-months', 'records-per-key'],
};

export interface Simulated {
  readonly kind: Kind;
  /** undefined: tables and batches of the usual shape. */
  readonly pipeline: LoadedPipeline | undefined;
}

/**
 * What is to be simulated: by the pipeline that is named, or the one that other commands would take, where it is of the kind
 * that the flags are about.
 * @throws UsageError for flags of the other kind
 */
export async function simulatedPipeline(context: CommandContext): Promise<Simulated> {
  const isNamed = context.flags.text('pipeline') !== undefined;
  const pipeline = isNamed ? await loadChosenPipeline(context) : await usualPipeline(context);
  const isRollup = pipeline?.config.kind === 'rollup' || context.flags.text('rollup') !== undefined;
  const kind = isRollup ? 'rollup' : 'summary';
  mustBeOfKind(context, kind);
  return { kind, pipeline };
}

/** None when there is none or more than one, or when it is of another kind than what is asked for. */
async function usualPipeline(context: CommandContext): Promise<LoadedPipeline | undefined> {
  const found = await loadChosenPipeline(context).catch((error: unknown) => {
    if (error instanceof UsageError) return undefined;
    throw error;
  });
  const other = found?.config.kind === 'rollup' ? 'summary' : 'rollup';
  const asked = other === 'rollup' ? ['rollup', ...flagsOf.rollup] : flagsOf.summary;
  return asked.some((flag) => isGiven(context, flag)) ? undefined : found;
}

function isGiven({ flags }: CommandContext, name: string): boolean {
  return flags.text(name) !== undefined || flags.number(name) !== undefined;
}

function mustBeOfKind(context: CommandContext, kind: Kind): void {
  const wrong = flagsOf[kind === 'rollup' ? 'summary' : 'rollup'].find((flag) => isGiven(context, flag));
  if (wrong === undefined) return;
  throw new UsageError(
    kind === 'rollup'
      ? `--${wrong} is for a run on a summary table, this is a batch of points`
      : `--${wrong} is for a batch of points, this is a run on a summary table`,
    {
      next:
        kind === 'rollup'
          ? `the same without --${wrong}; --rollup POINTS and --series N say how large the batch is`
          : 'the same with --rollup POINTS, or without --series',
    },
  );
}
