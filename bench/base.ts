import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { measureChild, mega, type Usage } from './measure.ts';
import { initialLoad, pipelineYaml, type Shape } from './summary-data.ts';

export const cache = resolve(import.meta.dirname, '../.cache/bench');
/** Tables name their files absolutely, so every run of the benchmark happens in one place. */
export const place = `${cache}/run`;
export const threads = 2;

interface RunMeasure extends Usage {
  readonly facts: Record<string, unknown>;
  readonly units: readonly (readonly [string, number])[];
}

/** One run of the product in `place`. */
export function measureRun(options: { readonly yaml: string; readonly batch: string }): Promise<RunMeasure> {
  return measureChild('child-run.ts', { root: place, yaml: options.yaml, paths: [options.batch], threads });
}

/**
 * The table before the batch, loaded and compacted by the product itself and kept between benchmarks; used only in
 * `place`.
 */
export async function baseTable(shape: Shape): Promise<string> {
  const kept = `${cache}/base-${shape.accounts}x${shape.months}x${shape.historyColumns}-${shape.buckets ?? 'chosen'}`;
  if (await exists(kept)) return kept;
  await rm(place, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  const load = `${cache}/load.parquet`;
  await initialLoad(shape, load);
  const run = await measureRun({ yaml: pipelineYaml(shape, 'auto', 'auto'), batch: load });
  const rows = shape.accounts * shape.months;
  console.log(
    `first load, compaction included: ${run.wallSeconds.toFixed(1)} s, ${Math.round(rows / run.wallSeconds).toLocaleString('en')} rows/s, peak ${mega(run.peakBytes)} MB\n`,
  );
  await copyRoot(place, kept);
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
