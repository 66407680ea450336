import { randomBytes } from 'node:crypto';
import type { PipelineConfig } from '../config/schema.ts';
import { parseByteSize } from '../config/sizes.ts';
import type { EngineSession } from '../engine/engine.ts';
import { CorruptStateError } from '../errors.ts';
import type { RunRecord } from '../stores/ports.ts';
import { batchOf } from './intake/batches.ts';
import { keep } from './kept.ts';
import { jsonBytes, layout } from './layout.ts';
import { readSavedJson } from './saved-json.ts';
import { taskOf } from './tasks.ts';
import type { RunContext, World } from './workload.ts';

/** What a run was started with, written once when it claims its intake: a resume uses this, not today's file. */
export interface RunManifest {
  readonly formatVersion: 1;
  readonly runId: string;
  readonly config: PipelineConfig;
  readonly configDigest: string;
  /** `plan`: a person looks at the plan before it is applied, so a plan that has become stale is refused, not made again. */
  readonly mode: 'plan' | 'run';
}

export async function writeManifest(world: World, manifest: RunManifest): Promise<void> {
  const folder = layout.runFolder(world.results.root, manifest.runId);
  await world.results.write(layout.manifest(folder), jsonBytes(manifest), { overwrite: true });
}

export async function readManifest(world: World, runId: string): Promise<RunManifest> {
  const location = layout.manifest(layout.runFolder(world.results.root, runId));
  const manifest = await readSavedJson<RunManifest>(world.results, location, runId);
  if (manifest.formatVersion !== 1)
    throw new CorruptStateError(`${location} has unknown version ${manifest.formatVersion}`);
  return manifest;
}

const manifests = keep<RunManifest>(32);

/** The manifest as it was when this process first read it: it is written once. For units, of which there are many. */
export function keptManifest(world: World, runId: string): Promise<RunManifest> {
  return manifests.get(world.results, runId, () => readManifest(world, runId));
}

/** Memory that the runtime itself needs besides its engines. */
const runtimeBytes = 300 * 2 ** 20;
const leastEngineBytes = 256 * 2 ** 20;

/** What all engine sessions of this process may hold together. */
export function engineMemoryBytes({ world, config }: Pick<RunContext, 'world' | 'config'>): number {
  const given = Math.min(world.resources.memoryBytes, parseByteSize(config.work.memory));
  return Math.max(leastEngineBytes, given - runtimeBytes);
}

interface ContextOptions<Config extends PipelineConfig> {
  readonly world: World;
  readonly run: RunRecord;
  readonly config: Config;
  readonly signal: AbortSignal;
  /** How many units of the current stage run side by side: they share memory and threads. */
  readonly parallelUnits: number;
  /** Default: no end. */
  readonly remainingMs?: () => number;
}

export function runContext<Config extends PipelineConfig>(
  options: ContextOptions<Config>,
): RunContext<Config> {
  const { world, run, config } = options;
  const allThreads = config.work.threads ?? world.resources.threads;
  const parallel = Math.max(1, Math.min(options.parallelUnits, allThreads));
  const memoryBytes = Math.floor(engineMemoryBytes(options) / parallel);
  const threads = Math.max(1, Math.floor(allThreads / parallel));
  return {
    world,
    config,
    runId: run.runId,
    attempt: run.attempt,
    epoch: run.epoch,
    branch: run.branch,
    batch: batchOf(run),
    task: taskOf(run),
    planGeneration: Number(run.facts['planGeneration'] ?? 0),
    folder: layout.runFolder(world.results.root, run.runId),
    signal: options.signal,
    remainingMs: options.remainingMs ?? (() => Number.POSITIVE_INFINITY),
    memoryBytes,
    threads,
    session: async (name, overrides) => {
      const session = await world.engine.open({
        memoryBytes,
        threads,
        workFolder: `${world.workRoot}/${run.runId}/${name}-a${run.attempt}-${randomBytes(4).toString('hex')}`,
        ...overrides,
      });
      return interruptible(session, options.signal);
    },
  };
}

/**
 * Ends the statement in flight when the run is aborted and starts no other; the unit stays undone and its folder goes.
 * An interrupt that comes before a statement has begun is lost, hence the repetition.
 */
function interruptible(session: EngineSession, signal: AbortSignal): EngineSession {
  let again: NodeJS.Timeout | undefined;
  const interrupt = () => {
    again ??= setInterval(() => session.interrupt(), 50);
  };
  signal.addEventListener('abort', interrupt);
  const unlessAborted = <T>(action: () => T): T => {
    signal.throwIfAborted();
    return action();
  };
  return {
    ...session,
    execute: async (sql) => unlessAborted(() => session.execute(sql)),
    query: async (sql) => unlessAborted(() => session.query(sql)),
    stream: (sql) => unlessAborted(() => session.stream(sql)),
    writeParquet: async (options) => unlessAborted(() => session.writeParquet(options)),
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener('abort', interrupt);
      clearInterval(again);
      await session[Symbol.asyncDispose]();
    },
  };
}
