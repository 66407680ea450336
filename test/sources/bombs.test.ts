import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PoisonInputError } from '../../lib/errors.ts';
import { openBench } from './context.ts';
import { smallHeader, smallPipeline } from './small.ts';

const bombs: readonly [string, (text: Buffer) => Buffer][] = [
  ['gzip', (text) => gzipSync(text, { level: 9 })],
  ['zstd', (text) => zstdCompressSync(text)],
];

describe('a small file that is large inside is refused while it is streamed', () => {
  it.each(bombs)('%s, 200 MB in a few hundred KB', async (name, compress) => {
    await using bench = await openBench(smallPipeline);
    const item = await bench.stage(
      `a.csv.${name}`,
      compress(Buffer.concat([Buffer.from(`${smallHeader}\n`), Buffer.alloc(200e6, 'a row that is none\n')])),
    );
    expect(item.sizeBytes).toBeLessThan(1e6);
    const before = process.memoryUsage().rss;
    const error = await bench.prepare(item).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(PoisonInputError);
    expect(String(error)).toMatch(/expands to more than 64000000 bytes/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
    expect(await readdir(join(bench.folder, 'work'))).toEqual([]);
  });

  it('one record without an end', async () => {
    await using bench = await openBench(smallPipeline);
    const item = await bench.stage(
      'a.csv',
      Buffer.concat([Buffer.from(`${smallHeader}\n"`), Buffer.alloc(100e6, 'x')]),
    );
    const before = process.memoryUsage().rss;
    await expect(bench.prepare(item)).rejects.toThrow(/not closed/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
  });

  it('a 100 MB field costs its row', async () => {
    await using bench = await openBench(smallPipeline);
    const row = (id: number, name: string) => `${id},2026-01,1,${name},,,,,,,\n`;
    const item = await bench.stage(
      'a.csv',
      `${smallHeader}\n${row(1, 'a')}${row(2, 'y'.repeat(100e6))}${row(3, 'c')}`,
    );
    const before = process.memoryUsage().rss;
    const prepared = await bench.prepare(item);
    expect([prepared.rowsAccepted, prepared.rowsQuarantined]).toEqual([2, 1]);
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
  });

  it('one text of a Parquet dictionary, many times', async () => {
    await using bench = await openBench(smallPipeline, { memoryBytes: 200e6 });
    const item = await bench.stageSql(
      'a.parquet',
      "COPY (SELECT range::BIGINT AS id, '2026-01' AS month, 1::BIGINT AS ver, repeat('x', 60000) AS name, NULL::VARCHAR AS del FROM range(20000)) TO $path (FORMAT parquet)",
    );
    await expect(bench.prepare(item)).rejects.toThrow(/need more than \d+ bytes, too much for its size/);
  });
});
