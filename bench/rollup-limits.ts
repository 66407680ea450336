import { rm, stat } from 'node:fs/promises';
import { openDuckDb } from '../lib/engine/duckdb.ts';
import { text } from '../lib/engine/sql.ts';
import { cache, threads } from './base.ts';
import { measureChild, mega, type Usage } from './measure.ts';
import { benchPoints, pointsOf } from './rollup-data.ts';

const memoryBytes = 4e9;
const kinds = [
  { kind: 'copy', name: 'plain copy of the points' },
  { kind: 'cascade', name: 'bare cascade' },
] as const;

/** What no rollup can beat by much: a zstd copy of the points, and the arithmetic without any of the promises. */
export async function rollupLimitsBench(filters: readonly string[]): Promise<void> {
  const count = pointsOf(filters, 20_000_000);
  const points = await benchPoints(count);
  const folder = `${cache}/rollup-limits`;
  console.log(
    `\n## ${count.toLocaleString('en')} points, ${mega((await stat(points)).size)} MB, ${threads} threads, ${mega(memoryBytes)} MB\n`,
  );
  console.log('| | wall s | points/s | CPU s | peak MB | read MB | written MB | rows out | MB out |');
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|');
  for (const { kind, name } of kinds) {
    await rm(folder, { recursive: true, force: true });
    const usage = await measureChild<Usage>('child-rollup.ts', {
      kind,
      points,
      folder,
      threads,
      memoryBytes,
    });
    const output = `${folder}/${kind}.parquet`;
    const cells = [
      name,
      usage.wallSeconds.toFixed(2),
      Math.round(count / usage.wallSeconds).toLocaleString('en'),
      usage.cpuSeconds.toFixed(2),
      mega(usage.peakBytes),
      mega(usage.readBytes),
      mega(usage.writtenBytes),
      (await rowsOf(output)).toLocaleString('en'),
      mega((await stat(output)).size),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  await rm(folder, { recursive: true, force: true });
}

async function rowsOf(path: string): Promise<number> {
  await using session = await openDuckDb({ memoryBytes: 2e8, threads: 1, workFolder: `${path}.work` });
  const [row] = await session.query(`SELECT count(*) AS n FROM read_parquet(${text(path)})`);
  return Number(row?.['n']);
}
