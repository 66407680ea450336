import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { PipelineConfig } from '../config/index.ts';
import { RunCancelledError, UsageError } from '../errors.ts';
import { type LocalWorld, openLocalWorld } from '../run/local/local-world.ts';
import type { World } from '../run/workload.ts';
import type { RunRecord } from '../stores/ports.ts';
import type { CommandContext } from './command.ts';
import { isOnAws } from './on-aws.ts';
import { loadChosenPipeline, rootFolder } from './pipeline.ts';
import { makeProgress, type Progress } from './progress.ts';
import { wasIdle } from './task-lines.ts';

export interface Session extends AsyncDisposable {
  readonly world: World;
  /** The only pipeline that this is about; undefined: all whose runs are here. */
  readonly pipeline: string | undefined;
}

export interface LocalSession extends Session {
  readonly world: LocalWorld;
  readonly progress: Progress;
}

/** Opens the root folder of this command line, making it when it is not there. */
export async function openSession(context: CommandContext): Promise<LocalSession> {
  const { flags, output, environment } = context;
  if (environment.signal.aborted) throw new RunCancelledError('stopped before anything was begun');
  const progress = makeProgress({ stream: output.stderr, quiet: output.quiet, now: environment.now });
  const threads = flags.number('threads');
  const memoryBytes = flags.number('memory');
  const world = await openLocalWorld({
    root: rootFolder(context),
    onProgress: progress.event,
    ...(threads === undefined ? {} : { threads }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  });
  return {
    world,
    pipeline: undefined,
    progress,
    [Symbol.asyncDispose]: async () => {
      progress.finish();
      await world.close();
    },
  };
}

/** For commands that only look, here or on AWS. @throws UsageError when there is nothing yet */
export async function openAnywhere(context: CommandContext): Promise<Session> {
  if (!isOnAws(context)) return openExisting(context);
  return (await import('./aws/session.ts')).openAwsSession(context);
}

/** Opens the root folder, which must be there. @throws UsageError */
export async function openExisting(context: CommandContext): Promise<LocalSession> {
  const root = rootFolder(context);
  await access(join(root, 'state.db')).catch(() => {
    throw new UsageError(`there are no runs in ${root} yet`, { next: 'partwise run FILE' });
  });
  return openSession(context);
}

/** The run named, else the newest that fits, before one that was a task and had nothing to do. @throws UsageError when there is none */
export async function findRun(
  session: Session,
  runId: string | undefined,
  fits: (run: RunRecord) => boolean = () => true,
  none = 'there is no such run',
): Promise<RunRecord> {
  const { pipeline } = session;
  const { runs } = session.world.state;
  if (runId === undefined) {
    const fitting = (await runs.list(pipeline, 1_000)).filter(fits);
    const newest = fitting.find((run) => !wasIdle(run)) ?? fitting[0];
    if (newest === undefined) throw new UsageError(none, { next: 'partwise runs' });
    return newest;
  }
  // Ids begin with the pipeline's name; whoever may see one pipeline only may not ask for others.
  const isWhole = pipeline === undefined || runId.startsWith(`${pipeline}-`);
  const run = isWhole ? await runs.get(runId) : undefined;
  if (run !== undefined && pipeline !== undefined && run.pipeline !== pipeline)
    throw new UsageError(`run ${runId} is of pipeline ${run.pipeline}, not of ${pipeline}`, {
      next: `the same with --pipeline ${run.pipeline}`,
    });
  if (run !== undefined) return run;
  // What the eye takes from the end of a long id is enough when it is unique.
  const matches = (await runs.list(pipeline, 1_000)).filter((candidate) => candidate.runId.endsWith(runId));
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  throw new UsageError(`there is ${matches.length === 0 ? 'no' : 'more than one'} run ${runId}`, {
    next: 'partwise runs',
  });
}

/** Whether a run has neither succeeded nor been given up. */
export function isUnfinished(run: RunRecord): boolean {
  return run.status !== 'succeeded' && run.status !== 'empty' && run.status !== 'cancelled';
}

/** The configuration that the run was started with, else the pipeline that this command line means. */
export async function configOfRun(
  context: CommandContext,
  session: Session,
  run: RunRecord,
): Promise<PipelineConfig> {
  const { readManifest } = await import('../run/context.ts');
  const manifest = await readManifest(session.world, run.runId).catch(() => undefined);
  return manifest?.config ?? (await loadChosenPipeline(context)).config;
}
