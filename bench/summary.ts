import { rm } from 'node:fs/promises';
import { currentSnapshot, liveFiles, loadTable, snapshotById } from '../lib/iceberg/index.ts';
import { openLocalWorld } from '../lib/run/local/local.ts';
import { filePath } from '../lib/stores/location.ts';
import { baseTable, cache, copyRoot, measureRun, place, threads } from './base.ts';
import { measureChild, mega, type Usage } from './measure.ts';
import { backfill, mixedDay, pipelineYaml, type Shape, tiny } from './summary-data.ts';

/**
 * Whole runs, plan to publish with audit, beside the limit: a plain DuckDB copy (zstd) of exactly the data files that
 * the run replaced or deleted from, one copy per file, two workers.
 */

interface Scenario {
  readonly name: string;
  readonly batch: (shape: Shape, path: string) => Promise<void>;
  readonly rewrite: 'auto' | 'copy-on-write';
}

const change = (fraction: number) => (shape: Shape, path: string) => backfill(shape, fraction, path);
const standard: readonly Scenario[] = [
  { name: '1 % backfill', batch: change(0.01), rewrite: 'auto' },
  { name: '1 % backfill', batch: change(0.01), rewrite: 'copy-on-write' },
  { name: '20 % backfill', batch: change(0.2), rewrite: 'auto' },
  { name: '20 % backfill', batch: change(0.2), rewrite: 'copy-on-write' },
  { name: 'mixed day', batch: mixedDay, rewrite: 'auto' },
];
const slope: readonly Scenario[] = [0.0001, 0.001, 0.01, 0.1].map((fraction) => ({
  name: `${fraction * 100} % backfill`,
  batch: change(fraction),
  rewrite: 'auto' as const,
}));

export async function summaryBench(filters: readonly string[]): Promise<void> {
  const only = (label: string) => filters.length === 0 || filters.some((filter) => label.includes(filter));
  for (const historyColumns of [4, 20]) {
    for (const buckets of [undefined, 4]) {
      const shape: Shape = { accounts: 50_000, months: 36, historyColumns, buckets };
      const label = `${historyColumns} columns, ${buckets ?? 'chosen'} buckets`;
      const scenarios = [
        ...standard,
        ...(buckets === undefined && historyColumns === 4
          ? [...slope, { name: 'tiny drop', batch: tiny, rewrite: 'auto' as const }]
          : []),
      ].filter((scenario) => only(`${label}, ${scenario.name}, ${scenario.rewrite}`));
      if (scenarios.length === 0) continue;
      console.log(
        `\n## ${shape.accounts.toLocaleString('en')} accounts x ${shape.months} months, ${label}\n`,
      );
      const base = await baseTable(shape);
      console.log(
        '| scenario | rewrite | wall s | CPU s | peak MB | read MB | written MB | files + | files touched | limit s | ratio | stages |',
      );
      console.log('|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|');
      for (const scenario of scenarios) await measureScenario(shape, base, scenario);
    }
  }
}

async function measureScenario(shape: Shape, base: string, scenario: Scenario): Promise<void> {
  const batch = `${cache}/batch.parquet`;
  await scenario.batch(shape, batch);
  await copyRoot(base, place);
  const run = await measureRun({ yaml: pipelineYaml(shape, scenario.rewrite), batch });
  const { touched, added } = await filesOf(place);
  const limit =
    touched.length === 0
      ? undefined
      : await measureChild<Usage>('child-copy.ts', {
          files: touched,
          folder: `${cache}/copy`,
          workers: threads,
        });
  await rm(`${cache}/copy`, { recursive: true, force: true });
  const cells = [
    scenario.name,
    scenario.rewrite,
    run.wallSeconds.toFixed(2),
    run.cpuSeconds.toFixed(2),
    mega(run.peakBytes),
    mega(run.readBytes),
    mega(run.writtenBytes),
    added,
    touched.length,
    limit?.wallSeconds.toFixed(2) ?? '-',
    limit === undefined ? '-' : (run.wallSeconds / limit.wallSeconds).toFixed(2),
    run.units.map(([name, units]) => `${name} ${units}`).join(', '),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** Data files that the newest snapshot of the summary table removed or deleted from, and how many it added. */
async function filesOf(
  root: string,
): Promise<{ readonly touched: readonly string[]; readonly added: number }> {
  await using world = await openLocalWorld({ root });
  const table = await loadTable({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: { namespace: 'partwise', name: 'bench_summary' },
  });
  const head = currentSnapshot(table);
  const parent =
    head?.parentSnapshotId === undefined ? undefined : snapshotById(table, head.parentSnapshotId);
  const list = async (snapshotId: bigint | undefined) => {
    const files = new Map<string, string>();
    for await (const { file, deletes } of liveFiles({
      store: world.warehouse,
      table,
      snapshotId,
      statistics: false,
    })) {
      files.set(file.location, deletes.map((one) => one.file.location).join());
    }
    return files;
  };
  const before = await list(parent?.snapshotId);
  const after = await list(head?.snapshotId);
  return {
    touched: [...before]
      .filter(([location, deletes]) => after.get(location) !== deletes)
      .map(([location]) => filePath(location)),
    added: [...after.keys()].filter((location) => !before.has(location)).length,
  };
}
