import { rm, stat } from 'node:fs/promises';
import type { RollupReport } from '../lib/rollup/report.ts';
import { cache, threads } from './base.ts';
import { measureChild, mega, type Usage } from './measure.ts';
import { benchPoints, benchShape, latenessMs, pointsOf, resolutionsMs, spreadPoints } from './rollup-data.ts';

interface Batch extends Usage {
  readonly stages: Readonly<Record<string, number>>;
  readonly rollup: RollupReport;
  readonly units: readonly (readonly [string, number])[];
}

/** Off unless a word is `quantiles`. */
const quantiles = 'quantiles: { relativeAccuracy: 0.01, values: [0.5, 0.95, 0.99] }\n';

/**
 * A whole batch with dedupe, state, audit and commit, beside a zstd copy of its points and the bare cascade; then a
 * batch of few points on the state that it left.
 */
export async function rollupBench(filters: readonly string[]): Promise<void> {
  const count = pointsOf(filters, 20_000_000);
  const shape = benchShape(count);
  const isSpread = filters.includes('spread');
  const points = await (isSpread ? spreadPoints(count) : benchPoints(count));
  const few = await benchPoints(1_000);
  const root = `${cache}/rollup`;
  const limit = async (kind: string) =>
    measureChild<Usage>('child-rollup.ts', {
      kind,
      points,
      folder: `${root}-limit`,
      threads,
      memoryBytes: 4e9,
    });
  console.log(
    `\n## ${count.toLocaleString('en')} points of ${shape.series.toLocaleString('en')} series, ${mega((await stat(points)).size)} MB, ${threads} threads\n`,
  );
  await rm(root, { recursive: true, force: true });
  const copy = await limit('copy');
  const cascade = await limit('cascade');
  const batch = (paths: readonly string[], number: number) =>
    measureChild<Batch>('child-batch.ts', {
      root,
      yaml: `${pipeline(shape.startMs)}${filters.includes('quantiles') ? quantiles : ''}`,
      paths,
      threads,
      arrivedMs: shape.startMs + number * shape.batchMs + 1,
      untilMs: shape.startMs + (number + 1) * shape.batchMs,
    });
  const whole = await batch([points], 0);
  const small = await batch([few], 1);
  const empty = await batch([], 2);

  console.log('| | wall s | to the cascade | points/s | CPU s | peak MB | rows out |');
  console.log('|---|--:|--:|--:|--:|--:|--:|');
  const line = (name: string, usage: Usage, points: number, rows: string) =>
    console.log(
      `| ${name} | ${usage.wallSeconds.toFixed(2)} | ${(usage.wallSeconds / cascade.wallSeconds).toFixed(2)} | ${Math.round(points / usage.wallSeconds).toLocaleString('en')} | ${usage.cpuSeconds.toFixed(2)} | ${mega(usage.peakBytes)} | ${rows} |`,
    );
  line('zstd copy of the points', copy, count, '');
  line('bare cascade, sorted', cascade, count, '');
  const rowsOf = ({ rollup }: Batch) =>
    rollup.windows.reduce((sum, one) => sum + one.closed, 0).toLocaleString('en');
  line('whole batch', whole, count, rowsOf(whole));
  line('batch of 1,000 points', small, 1_000, rowsOf(small));
  line('empty batch', empty, 0, rowsOf(empty));

  console.log('\n| | compute s | prepare s | partial points s | append s | audit s | commit s | units |');
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|');
  for (const [name, one] of [
    ['whole batch', whole],
    ['batch of 1,000 points', small],
    ['empty batch', empty],
  ] as const) {
    // The units' own times, of all workers together: shares of the wall time of their stage.
    const { compute, partial, append } = one.rollup.times;
    const wall = one.stages['rollup'] ?? 0;
    const share = (ms: number) => (((ms / Math.max(1, compute + partial + append)) * wall) / 1e3).toFixed(2);
    const seconds = (stage: string) => ((one.stages[stage] ?? 0) / 1e3).toFixed(2);
    console.log(
      `| ${name} | ${share(compute)} | ${(((one.stages['intake'] ?? 0) + (one.stages['prepare'] ?? 0)) / 1e3).toFixed(2)} | ${share(partial)} | ${share(append)} | ${seconds('audit')} | ${seconds('publish')} | ${one.units.map(([, units]) => units).join()} |`,
    );
  }
  const { state, points: counts } = whole.rollup;
  console.log(
    `\nstate ${mega(state.bytes)} MB: ${state.hot} points, ${state.tails} tails, ${state.part} open rows; ${counts.duplicates} duplicates, ${counts.tooLate} too late; no count of rows but of what was written`,
  );
  await rm(root, { recursive: true, force: true });
  await rm(`${root}-limit`, { recursive: true, force: true });
}

function pipeline(startMs: number): string {
  return `pipeline: bench
kind: rollup
points: { series: { type: bigint } }
resolutions: [${resolutionsMs.map((ms) => `${ms}ms`).join(', ')}]
batches: { start: '${new Date(startMs).toISOString()}', every: 1h }
lateness: ${latenessMs}ms
`;
}
