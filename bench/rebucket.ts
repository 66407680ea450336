import { rm } from 'node:fs/promises';
import { currentSnapshot, liveFiles, loadTable } from '../lib/iceberg/index.ts';
import { openLocalWorld } from '../lib/run/local/local.ts';
import { filePath } from '../lib/stores/location.ts';
import type { Rewritten } from '../lib/summary/rewrite/publish.ts';
import { baseTable, cache, copyRoot, place, threads } from './base.ts';
import { measureChild, mega, type Usage } from './measure.ts';
import { pipelineYaml, type Shape } from './summary-data.ts';

/**
 * Changes of the number of buckets beside the limit: a plain DuckDB copy (zstd) of exactly the data files of summary and
 * latest, one copy per file, two workers.
 */

interface Measured extends Usage {
  readonly rewrite: Rewritten;
  readonly elapsedMs: Readonly<Record<string, number>>;
}

interface Scenario {
  readonly accounts: number;
  readonly historyColumns: number;
  readonly from: number;
  readonly to: number;
}

const scenarios: readonly Scenario[] = [
  ...[8, 6, 1, 64].map((to) => ({ accounts: 50_000, historyColumns: 4, from: 4, to })),
  ...[2, 16].map((to) => ({ accounts: 10_000, historyColumns: 20, from: 1, to })),
];

export async function rebucketBench(filters: readonly string[]): Promise<void> {
  console.log(
    '| arrays | buckets | rows | wall s | CPU s | peak MB | read MB | written MB | files | rewrite s | compare s | limit s | limit CPU s | ratio | rows/s |',
  );
  console.log('|--:|---|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|');
  for (const { accounts, historyColumns, from, to } of scenarios) {
    const label = `${historyColumns} columns, ${from} to ${to}`;
    if (filters.length > 0 && !filters.some((filter) => label.includes(filter))) continue;
    const shape: Shape = { accounts, months: 36, historyColumns, buckets: from };
    await measure(shape, to);
  }
}

async function measure(shape: Shape, to: number): Promise<void> {
  await copyRoot(await baseTable(shape), place);
  const files = await liveData(place);
  const yaml = pipelineYaml({ ...shape, buckets: undefined }, 'auto');
  const task = { kind: 'rebucket', buckets: to };
  const run = await measureChild<Measured>('child-rewrite.ts', { root: place, yaml, task, threads });
  const limit = await measureChild<Usage>('child-copy.ts', {
    files,
    folder: `${cache}/copy`,
    workers: threads,
  });
  await rm(`${cache}/copy`, { recursive: true, force: true });
  const { rows, filesBefore, filesAfter } = run.rewrite;
  const seconds = (name: string) => ((run.elapsedMs[name] ?? 0) / 1_000).toFixed(1);
  const cells = [
    shape.historyColumns,
    `${shape.buckets} to ${to}`,
    rows.toLocaleString('en'),
    run.wallSeconds.toFixed(1),
    run.cpuSeconds.toFixed(1),
    mega(run.peakBytes),
    mega(run.readBytes),
    mega(run.writtenBytes),
    `${filesBefore} to ${filesAfter}`,
    seconds('rewrite'),
    seconds('compare'),
    limit.wallSeconds.toFixed(1),
    limit.cpuSeconds.toFixed(1),
    `${(run.wallSeconds / limit.wallSeconds).toFixed(2)} (CPU ${(run.cpuSeconds / limit.cpuSeconds).toFixed(2)})`,
    Math.round(rows / run.wallSeconds).toLocaleString('en'),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

async function liveData(root: string): Promise<readonly string[]> {
  await using world = await openLocalWorld({ root });
  const files: string[] = [];
  for (const name of ['bench_summary', 'bench_latest']) {
    const table = await loadTable({
      store: world.warehouse,
      catalog: world.catalog,
      identifier: { namespace: 'partwise', name },
    });
    const snapshotId = currentSnapshot(table)?.snapshotId;
    for await (const { file } of liveFiles({ store: world.warehouse, table, snapshotId, statistics: false }))
      files.push(filePath(file.location));
  }
  return files;
}
