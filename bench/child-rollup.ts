import { mkdir } from 'node:fs/promises';
import { openDuckDb } from '../lib/engine/duckdb.ts';
import { text } from '../lib/engine/sql.ts';
import { reportUsage } from './measure.ts';
import { cascade } from './rollup-cascade.ts';

/** A limit of the rollups: the points copied as they are, or the bare cascade over them. One DuckDB, one output file. */
const started = Date.now();
const argument: {
  kind: 'copy' | 'cascade';
  points: string;
  folder: string;
  threads: number;
  memoryBytes: number;
} = JSON.parse(process.argv[2] ?? '{}');
const { kind, points, folder, threads, memoryBytes } = argument;
await mkdir(folder, { recursive: true });
{
  await using session = await openDuckDb({ memoryBytes, threads, workFolder: `${folder}/work` });
  const output = `TO ${text(`${folder}/${kind}.parquet`)} (FORMAT parquet, COMPRESSION zstd)`;
  const read = `read_parquet(${text(points)})`;
  if (kind === 'copy') await session.execute(`COPY (SELECT * FROM ${read}) ${output}`);
  else for (const statement of cascade(read, output)) await session.execute(statement);
}
reportUsage(started);
