import { mkdir } from 'node:fs/promises';
import { openDuckDb } from '../lib/engine/duckdb.ts';
import { text } from '../lib/engine/sql.ts';
import { reportUsage } from './measure.ts';

/** The limit: a plain DuckDB copy (zstd) of each file, one statement per file, two single-threaded workers. */
const started = Date.now();
const argument: { files: readonly string[]; folder: string; workers: number } = JSON.parse(
  process.argv[2] ?? '{}',
);
await mkdir(argument.folder, { recursive: true });
const queue = argument.files.entries();
await Promise.all(
  Array.from({ length: argument.workers }, async (_, worker) => {
    await using session = await openDuckDb({
      memoryBytes: 400e6,
      threads: 1,
      workFolder: `${argument.folder}/work-${worker}`,
    });
    for (const [index, file] of queue) {
      await session.execute(
        `COPY (SELECT * FROM read_parquet(${text(file)})) TO ${text(`${argument.folder}/copy-${index}.parquet`)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 10240)`,
      );
    }
  }),
);
reportUsage(started);
