import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { prepareApart } from './apart.ts';
import { openBench } from './context.ts';
import { smallHeader, smallPipeline } from './small.ts';

const bombs: readonly [string, (text: Buffer) => Buffer][] = [
  ['gzip', (text) => gzipSync(text, { level: 9 })],
  ['zstd', (text) => zstdCompressSync(text)],
];

/** About twice what a process has that prepares a file of one row. */
const mostMb = 300;

describe('a small file that is large inside is refused while it is streamed', () => {
  it.each(bombs)('%s, 200 MB in a few hundred KB', async (name, compress) => {
    await using bench = await openBench(smallPipeline);
    const item = await bench.stage(
      `a.csv.${name}`,
      compress(Buffer.concat([Buffer.from(`${smallHeader}\n`), Buffer.alloc(200e6, 'a row that is none\n')])),
    );
    expect(item.sizeBytes).toBeLessThan(1e6);
    const { error, message, left, peakMb } = await prepareApart(item);
    expect([error, message]).toEqual([
      'PoisonInputError',
      expect.stringMatching(/expands to more than 64000000 bytes/),
    ]);
    expect(peakMb).toBeLessThan(mostMb);
    expect(left).toEqual([]);
  });

  it('one record without an end', async () => {
    await using bench = await openBench(smallPipeline);
    const item = await bench.stage(
      'a.csv',
      Buffer.concat([Buffer.from(`${smallHeader}\n"`), Buffer.alloc(100e6, 'x')]),
    );
    const { message, peakMb } = await prepareApart(item);
    expect(message).toMatch(/not closed/);
    expect(peakMb).toBeLessThan(mostMb);
  });

  it('a 100 MB field costs its row', async () => {
    await using bench = await openBench(smallPipeline);
    const row = (id: number, name: string) => `${id},2026-01,1,${name},,,,,,,\n`;
    const item = await bench.stage(
      'a.csv',
      `${smallHeader}\n${row(1, 'a')}${row(2, 'y'.repeat(100e6))}${row(3, 'c')}`,
    );
    const { rowsAccepted, rowsQuarantined, peakMb } = await prepareApart(item);
    expect([rowsAccepted, rowsQuarantined]).toEqual([2, 1]);
    expect(peakMb).toBeLessThan(mostMb);
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
