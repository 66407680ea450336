import { copyFile, mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { loadPipeline } from '../../config/index.ts';
import { type PointsShape, writePoints } from '../../demo/points.ts';
import { intakeFiles } from '../../run/intake/intake.ts';
import { type LocalWorld, openLocalWorld, type RunOptions, runPipeline } from '../../run/local/local.ts';
import { batchLines, batchReport } from '../batch-lines.ts';
import type { CommandContext } from '../command.ts';
import { demoFolder, emptyFolder, inRoot } from '../demo/folder.ts';
import type { ExitCode } from '../exit-codes.ts';
import { reportRun } from '../outcome.ts';
import { rememberPipeline } from '../pipeline.ts';
import { makeProgress } from '../progress.ts';

const hourMs = 3_600_000;
const shape: PointsShape = {
  points: 100_000,
  series: 300,
  shards: 8,
  startMs: Date.UTC(2026, 0, 1),
  spanMs: 5 * hourMs,
  batchMs: hourMs,
  jitterMs: 5_000,
  lateFraction: 0.02,
  lateMs: 1_200_000,
  duplicateFraction: 0.01,
  idType: 'bigint',
  timeType: 'bigint',
};

interface Step {
  readonly title: string;
  readonly batch: number;
  /** Batches of the generator whose files arrive in this one. */
  readonly files: readonly number[];
  readonly flush?: boolean;
}

const steps: readonly Step[] = [
  { title: 'the first hour of points', batch: 0, files: [0] },
  { title: 'the second hour; what waited of the first is merged in', batch: 1, files: [1] },
  { title: 'an hour without points: time closes windows all the same', batch: 2, files: [] },
  { title: 'the third hour of points, an hour too late: dead letters', batch: 3, files: [2] },
  { title: 'the fifth hour with a flush: what is open is published, too', batch: 4, files: [4], flush: true },
];

/** Rollups of made-up counters, batch by batch, by the pipeline that lies in `pipelines/metrics.yaml`. */
export async function demoMetrics(context: CommandContext): Promise<ExitCode> {
  const { output, environment } = context;
  const root = demoFolder(context);
  await emptyFolder(root);
  const path = join(root, 'pipelines', 'metrics.yaml');
  await mkdir(join(root, 'pipelines'), { recursive: true });
  await copyFile(new URL('../../../pipelines/metrics.yaml', import.meta.url), path);
  await rememberPipeline(root, path);
  const config = await loadPipeline(path);
  const progress = makeProgress({
    stream: output.stderr,
    quiet: output.quiet || output.stderr.isTTY !== true,
    now: environment.now,
  });
  const startedMs = environment.now();
  await using world = await openLocalWorld({ root, onProgress: progress.event });
  output.line(
    `${shape.points.toLocaleString('en-US')} points of ${shape.series} series in ${relative(environment.home, root) || root}`,
  );
  const options = { world, config, signal: environment.signal };
  const batches: unknown[] = [];
  for (const step of steps) {
    await arrive(options, root, step);
    const outcome = await runPipeline({
      ...options,
      untilMs: shape.startMs + (step.batch + 1) * hourMs,
      flush: step.flush === true,
    });
    progress.finish();
    if (outcome.run?.status !== 'succeeded')
      return await reportRun(inRoot(context, root), world, { run: outcome.run, plan: outcome.plan });
    output.lines(['', output.style.bold(step.title), ...batchLines(outcome.run)]);
    batches.push({ title: step.title, ...batchReport(outcome.run) });
  }
  const { command } = inRoot(context, root).output;
  output.lines([
    '',
    `done in ${((environment.now() - startedMs) / 1_000).toFixed(1)} s`,
    `next   ${command('partwise show rollups --limit 5')}`,
    `       ${command('partwise sql "SELECT resolution, count(*), sum(increase) FROM rollups GROUP BY ALL"')}`,
    `       ${command('partwise status')}`,
  ]);
  output.document({ root, batches });
  return 0;
}

async function arrive(
  { world, config }: Pick<RunOptions, 'world' | 'config'>,
  root: string,
  { batch, files }: Step,
): Promise<void> {
  for (const hour of files) {
    const paths = (await writeHour(world, join(root, 'drops'), hour)).map((file) => file.path);
    await intakeFiles({
      world,
      config,
      stagingPath: world.stagingPath,
      paths,
      branch: 'main',
      again: false,
      arrivedMs: shape.startMs + (batch + 0.5) * hourMs,
    });
  }
}

async function writeHour(world: LocalWorld, folder: string, batch: number) {
  await using session = await world.engine.open({
    memoryBytes: 400e6,
    threads: world.resources.threads,
    workFolder: `${world.workRoot}/demo-points`,
  });
  return await writePoints(session, { shape, batch, folder, filesPerBatch: 2, format: 'parquet' });
}
