import { readdir, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PipelineConfig } from '../../config/index.ts';
import { feedPrefix, sourcePrefix } from '../../config/index.ts';
import { PartwiseError, UsageError } from '../../errors.ts';
import { toJson } from '../../report/json.ts';
import { nextBatchOf, resumeRun, runPipeline } from '../../run/local/local.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { failureOf, reportFailure } from '../failure.ts';
import { describeReport, outcomeCode, type RunReport, reportRun } from '../outcome.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import { type LocalSession, openSession } from '../session.ts';
import { Arrivals } from '../watch-folder.ts';
import { runReport } from './run.ts';

const defaultIntervalSeconds = 5;

export const watch: CommandHandler = async (context) => {
  const { flags, output, environment } = context;
  const { signal } = environment;
  const { config } = await loadChosenPipeline(context);
  await using session = await openSession(context);
  const given = await folderOf(environment.cwd, context.arguments[0]);
  const fed = await folderOf(environment.cwd, flags.text('deletions'));
  if (fed !== undefined && feedPrefix(config) === undefined)
    throw new UsageError(`pipeline ${config.pipeline} has no deletions feed`);
  const staging = [sourcePrefix(config), feedPrefix(config)].flatMap((prefix) =>
    prefix === undefined ? [] : [join(session.world.stagingPath, prefix)],
  );
  const folders = [...(given === undefined ? staging : [given]), ...(fed === undefined ? [] : [fed])];
  const intervalMs = 1000 * (flags.number('interval') ?? defaultIntervalSeconds);
  const arrivals = new Arrivals();
  let worst: ExitCode = 0;
  const note = (code: ExitCode) => {
    if (code !== 0) worst = code;
  };
  output.note(`watching ${folders.join(', ')} every ${intervalMs / 1000} s; Ctrl-C ends it`);
  for (const report of await finishDeadRuns(context, session, config))
    note(await tell(context, session, report));

  const batches = dueBatches(context, session, config, note);
  while (!signal.aborted) {
    const { ready, waiting } = arrivals.look(await fileSignatures(folders));
    let worked = false;
    if (ready.length > 0 && waiting === 0) {
      const isFed = (path: string) => fed !== undefined && path.startsWith(`${fed}${sep}`);
      const deletions = ready.filter(isFed);
      const paths = given === undefined ? [] : ready.filter((path) => !isFed(path));
      const settled = await runOnce(context, session, config, { paths, deletions }, note);
      if (settled) arrivals.settle(ready);
      batches.mayTryAgain();
      worked = true;
    }
    if (waiting === 0) worked = (await batches.run()) || worked;
    if (flags.on('once') && waiting === 0 && !worked) break;
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
  return flags.on('once') ? worst : 0;
};

/**
 * Runs the batches that are due, in order, also without files. One that fails is not tried again by itself: a new file, or
 * the next batch, starts it again.
 */
function dueBatches(
  context: CommandContext,
  session: LocalSession,
  config: PipelineConfig,
  note: (code: ExitCode) => void,
) {
  let tried: number | 'unknown' | undefined;
  const next = async (): Promise<number | undefined> => {
    if (tried === 'unknown') return undefined;
    try {
      const decision = await nextBatchOf({ world: session.world, config });
      return decision?.due === true && decision.batch.number !== tried ? decision.batch.number : undefined;
    } catch (error) {
      note(reportFailure(context.output, error, false));
      tried = 'unknown';
      return undefined;
    }
  };
  return {
    mayTryAgain: () => {
      tried = undefined;
    },
    /** Whether anything was run. */
    run: async (): Promise<boolean> => {
      let ran = false;
      for (let due = await next(); due !== undefined; due = await next()) {
        ran = true;
        if (!(await runOnce(context, session, config, { paths: [], deletions: [] }, note))) break;
        tried = due;
      }
      return ran;
    },
  };
}

/** One run; false when it should be tried again as it is, because someone else held the lease. */
async function runOnce(
  context: CommandContext,
  session: LocalSession,
  config: PipelineConfig,
  input: { readonly paths: readonly string[]; readonly deletions: readonly string[] },
  note: (code: ExitCode) => void,
): Promise<boolean> {
  try {
    const outcome = await runPipeline({
      world: session.world,
      config,
      ...input,
      again: false,
      signal: context.environment.signal,
    });
    session.progress.finish();
    if (outcome.run !== undefined && outcome.run.status !== 'empty')
      note(await tell(context, session, runReport(outcome)));
    return outcome.run?.error?.name !== 'LeaseHeldError';
  } catch (error) {
    session.progress.finish();
    if (context.environment.signal.aborted) return false;
    if (error instanceof PartwiseError && error.retryable) {
      context.output.note(`${error.message}; trying again`);
      return false;
    }
    if (context.output.json) context.output.raw(`${toJson({ error: failureOf(error) })}\n`);
    else note(reportFailure(context.output, error, false));
    note(failureOf(error).exitCode);
    return true;
  }
}

/** Runs whose process died are finished first: their files are claimed and would never arrive again. */
async function finishDeadRuns(
  context: CommandContext,
  session: LocalSession,
  config: PipelineConfig,
): Promise<readonly RunReport[]> {
  const { state, clock } = session.world;
  const reports: RunReport[] = [];
  for (const run of await state.runs.list(config.pipeline, 1_000)) {
    if (!['claimed', 'prepared', 'working', 'auditing', 'publishing'].includes(run.status)) continue;
    const lease = await state.leases.current(`pipeline/${config.pipeline}`);
    if (lease !== undefined && lease.holder === run.runId && lease.expiresMs > clock.now()) continue;
    context.output.note(`finishing ${run.runId}, whose process ended before it did`);
    const outcome = await resumeRun({
      world: session.world,
      config,
      runId: run.runId,
      signal: context.environment.signal,
    });
    session.progress.finish();
    reports.push(runReport(outcome));
  }
  return reports;
}

async function tell(context: CommandContext, session: LocalSession, report: RunReport): Promise<ExitCode> {
  if (!context.output.json) return await reportRun(context, session.world, report);
  const exitCode = outcomeCode(context, report.run);
  context.output.raw(`${toJson({ ...describeReport(report), exitCode })}\n`);
  return exitCode;
}

/** A folder named on the command line. @throws UsageError when there is none */
async function folderOf(cwd: string, given: string | undefined): Promise<string | undefined> {
  if (given === undefined) return undefined;
  const folder = resolve(cwd, given);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new UsageError(`there is no folder ${folder}`);
  return folder;
}

/** Size and times of each file below the folders; the same text twice means that nobody wrote in between. */
async function fileSignatures(folders: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const entries = await Promise.all(
    folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])),
  );
  for (const entry of entries.flat()) {
    if (!entry.isFile() || /^[._]|\.(tmp|part|partial)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const info = await stat(path, { bigint: true }).catch(() => undefined);
    if (info !== undefined) found.set(path, `${info.size}:${info.mtimeNs}:${info.ctimeNs}`);
  }
  return found;
}
