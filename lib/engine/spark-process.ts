import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { SparkUnitError } from '../errors.ts';
import type { SparkRunner, SparkRunOptions, SparkTask } from './spark.ts';

export interface SparkProcessOptions {
  /** A Python with PySpark 3.5. */
  readonly pythonPath: string;
  /** Jars that Spark gets besides its own: Iceberg's runtime. */
  readonly jarPaths: readonly string[];
  readonly threads: number;
  readonly memoryBytes: number;
  /** Where Spark makes a folder for what it spills and shuffles; it goes with the process. Default: where Spark puts it. */
  readonly workRoot?: string;
  /** Further settings of Spark's, e.g. for many small units. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The program that Glue runs, too. */
const runnerPath = resolve(import.meta.dirname, '../../glue/runner.py');

const leastMemoryBytes = 2 ** 30;

/** Spark in a process of its own on this machine, started by the first unit and kept for the next ones. */
export function openSparkProcess(options: SparkProcessOptions): SparkRunner & AsyncDisposable {
  let running: Conversation | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  async function run(units: readonly SparkTask[], { signal }: SparkRunOptions): Promise<void> {
    signal.throwIfAborted();
    running ??= converse(options);
    const conversation = running;
    // A statement of Spark's cannot be interrupted from here, so the process goes.
    const stop = () => conversation.kill();
    signal.addEventListener('abort', stop);
    try {
      await conversation.ask({ units });
    } catch (cause) {
      if (conversation.hasEnded()) running = undefined;
      signal.throwIfAborted();
      throw cause;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  return {
    run(units, runOptions) {
      const done = turn.then(() => run(units, runOptions));
      turn = done.catch(() => undefined);
      return done;
    },
    async [Symbol.asyncDispose]() {
      await turn;
      await running?.end();
      running = undefined;
    },
  };
}

interface Conversation {
  ask(request: { readonly units: readonly SparkTask[] }): Promise<void>;
  hasEnded(): boolean;
  kill(): void;
  end(): Promise<void>;
}

/** A request per line on stdin, an answer per line on stdout; whatever else Spark prints is passed over. */
function converse(options: SparkProcessOptions): Conversation {
  const scratch = makeScratch(options.workRoot);
  const child: ChildProcess = spawn(options.pythonPath, [runnerPath, '--serve'], {
    env: {
      ...(scratch === undefined ? {} : { SPARK_LOCAL_DIRS: scratch }),
      ...process.env,
      TZ: 'UTC',
      SPARK_LOCAL_IP: '127.0.0.1',
      PYTHONDONTWRITEBYTECODE: '1',
      PYSPARK_SUBMIT_ARGS: submitArguments(options),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let told = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    told = `${told}${chunk.toString()}`.slice(-4_000);
  });
  let failed: Error | undefined;
  child.once('error', (error) => {
    failed = error;
  });
  // A process that has gone says so by the end of its answers.
  child.stdin?.on('error', () => undefined);
  const exited = new Promise<void>((done) => {
    child.once('close', () => done());
  }).then(async () => {
    // What cannot be removed costs disk only, and `doctor` names it.
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true }).catch(() => undefined);
  });
  const lines = createInterface({ input: child.stdout ?? process.stdin })[Symbol.asyncIterator]();

  const answer = async (): Promise<{ readonly error?: string }> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) {
        await exited;
        throw new SparkUnitError(
          `the Spark process ended: ${failed?.message ?? (lastLine(told) || `by ${child.signalCode ?? child.exitCode}`)}`,
          { details: { told }, safe: 'nothing of the unit is referenced', ...causeOf(failed) },
        );
      }
      if (value.startsWith(answerMark)) return JSON.parse(value.slice(answerMark.length));
    }
  };

  return {
    async ask(request) {
      child.stdin?.write(`${JSON.stringify(request)}\n`);
      const { error } = await answer();
      if (error === undefined) return;
      throw new SparkUnitError(`Spark did not run the units: ${error.split('\n', 1)[0]}`, {
        details: { told: error },
        safe: 'nothing of the unit is referenced',
      });
    },
    hasEnded: () => child.exitCode !== null || child.signalCode !== null || failed !== undefined,
    kill: () => {
      child.kill('SIGKILL');
    },
    async end() {
      child.stdin?.end();
      await exited;
    },
  };
}

/** Spark takes a list, so that a folder with a comma in its name cannot be given. */
function makeScratch(workRoot: string | undefined): string | undefined {
  if (workRoot === undefined || workRoot.includes(',')) return undefined;
  const folder = join(workRoot, `spark-${randomBytes(4).toString('hex')}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

const answerMark = 'partwise ';

/** Nobody waits for a single row: what counts is the work done, not the pauses in it. Whoever names a collector has it. */
export function javaOptions({ JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS } = process.env): string {
  return /-XX:\+Use\w+GC\b/.test(`${JAVA_TOOL_OPTIONS} ${JDK_JAVA_OPTIONS}`) ? '' : '-XX:+UseParallelGC';
}

function submitArguments(options: SparkProcessOptions): string {
  const { jarPaths, threads, memoryBytes } = options;
  const memory = `${Math.floor(Math.max(leastMemoryBytes, memoryBytes) / 2 ** 20)}m`;
  const settings = {
    'spark.driver.extraClassPath': jarPaths.join(':'),
    'spark.driver.bindAddress': '127.0.0.1',
    'spark.driver.host': '127.0.0.1',
    'spark.ui.enabled': 'false',
    'spark.driver.extraJavaOptions': javaOptions(),
    'spark.ui.showConsoleProgress': 'false',
    'spark.sql.shuffle.partitions': String(Math.max(2, threads)),
    // Without checksum files beside each file.
    'spark.hadoop.fs.file.impl': 'org.apache.hadoop.fs.RawLocalFileSystem',
    ...options.settings,
  };
  return [
    `--master local[${Math.max(1, threads)}]`,
    `--driver-memory ${memory}`,
    ...Object.entries(settings).map(([name, value]) => `--conf "${name}=${value}"`),
    'pyspark-shell',
  ].join(' ');
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

function causeOf(cause: unknown): { readonly cause?: unknown } {
  return cause === undefined ? {} : { cause };
}
