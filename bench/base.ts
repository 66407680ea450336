import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { measureChild, mega, type Usage } from './measure.ts';
import { initialLoad, pipelineYaml, type Shape } from './summary-data.ts';

/** Where tables and points are kept; PARTWISE_BENCH names another place, e.g. while a benchmark runs in this one. */
export const cache = resolve(process.env['PARTWISE_BENCH'] ?? `${import.meta.dirname}/../.cache/bench`);
/** Tables name their files absolutely, so every run of the benchmark happens in one place. */
export const place = `${cache}/run`;
export const threads = 2;

interface RunMeasure extends Usage {
  readonly facts: Record<string, unknown>;
  readonly units: readonly (readonly [string, number])[];
}

/** One run of the product in `place`. */
export function measureRun(options: {
  readonly yaml: string;
  readonly batch: string;
  /** Default: `place`. */
  readonly root?: string;
}): Promise<RunMeasure> {
  const { yaml, batch, root = place } = options;
  return measureChild('child-run.ts', { root, yaml, paths: [batch], threads });
}

/**
 * The table before the batch, loaded and compacted by the product itself and kept between benchmarks; used only in
 * `root`.
 */
export async function baseTable(shape: Shape, root = place): Promise<string> {
  const kept = `${root === place ? cache : `${root}-kept`}/base-${shape.accounts}x${shape.months}x${shape.historyColumns}-${shape.buckets ?? 'chosen'}`;
  if (await exists(kept)) return kept;
  await rm(root, { recursive: true, force: true });
  await mkdir(dirname(kept), { recursive: true });
  const load = `${dirname(kept)}/load.parquet`;
  await initialLoad(shape, load);
  const run = await measureRun({ yaml: pipelineYaml(shape, 'auto', 'auto'), batch: load, root });
  const rows = shape.accounts * shape.months;
  console.log(
    `first load, compaction included: ${run.wallSeconds.toFixed(1)} s, ${Math.round(rows / run.wallSeconds).toLocaleString('en')} rows/s, peak ${mega(run.peakBytes)} MB\n`,
  );
  await copyRoot(root, kept);
  return kept;
}

export async function copyRoot(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, `${to}.part`, { recursive: true });
  await rename(`${to}.part`, to);
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
