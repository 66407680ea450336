import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { json as readJson } from 'node:stream/consumers';
import { inject } from 'vitest';
import { sparkJars, sparkPython } from './spark-setup.ts';
import { credentials, region } from './stand-ins.ts';

/**
 * Glue's job runs as clients see them (JSON 1.1), where moto's would succeed at once: each run is the real runner under
 * PySpark, with the stand-in of S3 as `s3://`.
 * https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html
 */
export interface GlueJobs extends AsyncDisposable {
  readonly url: string;
  readonly runs: readonly JobRun[];
  /** Where runs find S3. */
  s3: string;
  /** Runs at a time, as MaxConcurrentRuns of the job. */
  mostRuns: number;
  /** Ends the workers of the run under way, as when the service loses them. */
  kill(): void;
}

export interface JobRun {
  readonly id: string;
  readonly arguments: Readonly<Record<string, string>>;
  /** As asked for, in place of the job's own. */
  readonly workerType: string | undefined;
  readonly workers: number | undefined;
  readonly timeoutMinutes: number | undefined;
  state: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'STOPPED';
  error: string | undefined;
}

const runnerPath = resolve(import.meta.dirname, '../../glue/runner.py');

export async function openGlueJobs(jobName: string): Promise<GlueJobs> {
  const runs: JobRun[] = [];
  const children = new Map<string, ChildProcess>();

  function start({ Arguments: given = {}, WorkerType, NumberOfWorkers, Timeout }: Asked): JobRun {
    const run: JobRun = {
      id: `jr_${randomBytes(8).toString('hex')}`,
      arguments: given,
      workerType: WorkerType,
      workers: NumberOfWorkers,
      timeoutMinutes: Timeout,
      state: 'RUNNING',
      error: undefined,
    };
    runs.push(run);
    const child = spawn(sparkPython, [runnerPath, ...Object.entries(given).flat(), '--JOB_NAME', jobName], {
      env: { ...process.env, ...environment(jobs.s3) },
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of its own: the JVM goes with it.
      detached: true,
    });
    children.set(run.id, child);
    let told = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      told = `${told}${chunk.toString()}`.slice(-2_000);
    });
    child.once('close', (code, signal) => {
      if (run.state !== 'RUNNING') return;
      run.state = code === 0 ? 'SUCCEEDED' : 'FAILED';
      if (code !== 0) run.error = signal === null ? told : `Command failed: ${signal}`;
    });
    return run;
  }

  function end(id: string): void {
    const child = children.get(id);
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL');
  }

  const actions: Readonly<Record<string, (asked: Asked) => unknown>> = {
    StartJobRun: (asked) => {
      if (asked.JobName !== jobName) throw new Refused('EntityNotFoundException');
      mustBeSized(asked);
      if (runs.filter(({ state }) => state === 'RUNNING').length >= jobs.mostRuns)
        throw new Refused('ConcurrentRunsExceededException');
      return { JobRunId: start(asked).id };
    },
    GetJobRun: ({ RunId: id }) => {
      const run = runs.find((one) => one.id === id);
      if (run === undefined) throw new Refused('EntityNotFoundException');
      return {
        JobRun: {
          Id: run.id,
          JobName: jobName,
          Attempt: 0,
          JobRunState: run.state,
          ...(run.error === undefined ? {} : { ErrorMessage: run.error }),
        },
      };
    },
    BatchStopJobRun: ({ JobRunIds: ids = [] }) => {
      for (const run of runs.filter(({ id }) => ids.includes(id))) {
        if (run.state === 'RUNNING') run.state = 'STOPPED';
        end(run.id);
      }
      return { SuccessfulSubmissions: ids.map((id) => ({ JobName: jobName, JobRunId: id })), Errors: [] };
    },
  };

  const server = createServer(async (request, response) => {
    const target = String(request.headers['x-amz-target']).replace('AWSGlue.', '');
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    try {
      const action = actions[target];
      if (action === undefined) throw new Refused('UnknownOperationException');
      response.end(JSON.stringify(action((await readJson(request)) as Asked)));
    } catch (error) {
      response.writeHead(400);
      response.end(
        JSON.stringify({ __type: error instanceof Refused ? error.message : 'InternalServiceException' }),
      );
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  const jobs: GlueJobs = {
    url: `http://127.0.0.1:${address.port}`,
    runs,
    s3: inject('endpoints').s3,
    mostRuns: 1,
    kill: () => {
      for (const { id, state } of runs) if (state === 'RUNNING') end(id);
    },
    [Symbol.asyncDispose]: async () => {
      for (const { id } of runs) end(id);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return jobs;
}

/** The service takes a type only with a number, of whole workers, and whole minutes. */
function mustBeSized({ WorkerType: type, NumberOfWorkers: workers, Timeout: minutes }: Asked): void {
  const isType = type === undefined || ['G.1X', 'G.2X', 'G.4X', 'G.8X'].includes(type);
  const isNumber = (value: number | undefined, least: number) =>
    value === undefined || (Number.isInteger(value) && value >= least);
  const isPair = (type === undefined) === (workers === undefined);
  if (!isType || !isPair || !isNumber(workers, 2) || !isNumber(minutes, 1))
    throw new Refused('InvalidInputException');
}

interface Asked {
  readonly JobName?: string;
  readonly RunId?: string;
  readonly Arguments?: Readonly<Record<string, string>>;
  readonly WorkerType?: string;
  readonly NumberOfWorkers?: number;
  readonly Timeout?: number;
  readonly JobRunIds?: readonly string[];
}

/** An answer with an error of the service; its message is the error's name. */
class Refused extends Error {}

/** What Glue sets up by itself: Iceberg's runtime, `s3://`, and rights. */
function environment(s3: string): Readonly<Record<string, string>> {
  const settings = {
    'spark.driver.extraClassPath': sparkJars().join(':'),
    'spark.driver.bindAddress': '127.0.0.1',
    'spark.driver.host': '127.0.0.1',
    'spark.ui.enabled': 'false',
    // For units of few rows.
    'spark.sql.codegen.wholeStage': 'false',
    'spark.sql.codegen.factoryMode': 'NO_CODEGEN',
    'spark.sql.adaptive.enabled': 'false',
    'spark.sql.shuffle.partitions': '1',
    'spark.default.parallelism': '1',
    'spark.hadoop.fs.s3.impl': 'org.apache.hadoop.fs.s3a.S3AFileSystem',
    'spark.hadoop.fs.s3a.endpoint': s3,
    'spark.hadoop.fs.s3a.endpoint.region': region,
    'spark.hadoop.fs.s3a.path.style.access': 'true',
    'spark.hadoop.fs.s3a.connection.ssl.enabled': 'false',
    'spark.hadoop.fs.s3a.directory.marker.retention': 'keep',
    'spark.hadoop.fs.s3a.access.key': credentials.accessKeyId,
    'spark.hadoop.fs.s3a.secret.key': credentials.secretAccessKey,
  };
  return {
    TZ: 'UTC',
    SPARK_LOCAL_IP: '127.0.0.1',
    PYTHONDONTWRITEBYTECODE: '1',
    PYSPARK_SUBMIT_ARGS: [
      '--master local[2]',
      '--driver-memory 1g',
      ...Object.entries(settings).map(([name, value]) => `--conf "${name}=${value}"`),
      'pyspark-shell',
    ].join(' '),
  };
}
