import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { PipelineConfig } from '../config/index.ts';
import { RunCancelledError, UsageError } from '../errors.ts';
import { type LocalWorld, openLocalWorld } from '../run/local-world.ts';
import type { RunRecord } from '../stores/ports.ts';
import type { CommandContext } from './command.ts';
import { loadChosenPipeline, rootFolder } from './pipeline.ts';
import { makeProgress, type Progress } from './progress.ts';

export interface Session extends AsyncDisposable {
  readonly world: LocalWorld;
  readonly progress: Progress;
}

/** Opens the root folder of this command line, making it when it is not there. */
export async function openSession(context: CommandContext): Promise<Session> {
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
    progress,
    [Symbol.asyncDispose]: async () => {
      progress.finish();
      await world.close();
    },
  };
}

/** For commands that only look: opens the root folder, which must be there. @throws UsageError */
export async function openExisting(context: CommandContext): Promise<Session> {
  const root = rootFolder(context);
  await access(join(root, 'state.db')).catch(() => {
    throw new UsageError(`there are no runs in ${root} yet`, { next: 'partwise run FILE' });
  });
  return openSession(context);
}

/** The run named, else the newest that fits. @throws UsageError when there is none */
export async function findRun(
  session: Session,
  runId: string | undefined,
  fits: (run: RunRecord) => boolean = () => true,
): Promise<RunRecord> {
  const { runs } = session.world.state;
  if (runId === undefined) {
    const newest = (await runs.list(undefined, 1_000)).find(fits);
    if (newest === undefined) throw new UsageError('there is no such run', { next: 'partwise runs' });
    return newest;
  }
  const run = await runs.get(runId);
  if (run !== undefined) return run;
  // What the eye takes from the end of a long id is enough when it is unique.
  const matches = (await runs.list(undefined, 1_000)).filter((candidate) => candidate.runId.endsWith(runId));
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
