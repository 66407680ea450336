import { copyFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cancelRun, planPipeline } from '../../lib/run/local/local.ts';
import { writeSourceFile } from '../generators/files.ts';
import { keyText, recordOf } from '../generators/records.ts';
import type { SourceFile } from '../generators/scenario.ts';
import { oracleRules, smallShape } from '../generators/shape.ts';
import { type OracleRecord, rebuild } from '../oracle/summary-oracle.ts';
import { expectSucceeded, expectTables, openProduct, type Product } from '../summary/product.ts';
import { readTables } from '../summary/tables.ts';

const shape = smallShape;
const firstMonth = 2025 * 12 + 1;

function records(version: number, keys = 20): OracleRecord[] {
  return Array.from({ length: keys * 3 }, (_, index) =>
    recordOf(shape, {
      key: keyText(shape, index % keys),
      month: firstMonth + Math.floor(index / keys),
      version,
      ties: [0],
      kind: index % 11 === 10 ? 'delete' : 'normal',
    }),
  );
}

const file = (version: number, format: SourceFile['format'] = 'csv'): SourceFile => ({
  name: `drop.${format}`,
  format,
  seed: 1,
  records: records(version),
});
const pathOf = (product: Product, name: string) =>
  join(product.world.stagingPath, product.config.pipeline, name);
const rebuilt = (...batches: readonly (readonly OracleRecord[])[]) =>
  rebuild(oracleRules(shape), [], batches);

async function expectNothing(product: Product): Promise<void> {
  const { run } = await product.run();
  expect([undefined, 'empty']).toContain(run?.status);
}

describe('the same file dropped twice', () => {
  it('changes nothing, neither under its own name nor touched nor as a copy', async () => {
    await using product = await openProduct({ shape });
    await product.drop([file(1)]);
    expectSucceeded(await product.run());
    const before = await readTables(product.world);

    await expectNothing(product);
    await utimes(pathOf(product, 'drop.csv'), new Date(0), new Date(0));
    await expectNothing(product);
    await product.drop([file(1)]);
    await expectNothing(product);

    await copyFile(pathOf(product, 'drop.csv'), pathOf(product, 'copy.csv'));
    const copied = await product.run();
    expect(['succeeded', 'empty']).toContain(copied.run?.status);
    await expectTables(product, rebuilt(records(1)));
    expect(await readTables(product.world)).toEqual(before);
  });

  it('in one run, under two names and in two formats, counts once', async () => {
    await using product = await openProduct({ shape });
    await product.drop([file(1), { ...file(1), name: 'again.csv' }, file(1, 'parquet')]);
    expectSucceeded(await product.run());
    await expectTables(product, rebuilt(records(1)));
  });
});

describe('a file that is overwritten', () => {
  for (const [when, bothAccepted] of [
    ['unit:prepare', false],
    ['after-checkpoint:prepare', true],
  ] as const) {
    it(`at ${when} ${bothAccepted ? 'was read whole; the new version goes into the next run' : 'is left to the next run'}`, async () => {
      let armed = true;
      const product: Product = await openProduct({
        shape,
        step: async (name) => {
          if (name !== when || !armed) return;
          armed = false;
          await writeSourceFile(pathOf(product, 'drop.csv'), { ...file(2), shape });
        },
      });
      await using _ = product;
      await product.drop([
        file(1),
        { ...file(3), name: 'other.jsonl', format: 'jsonl', records: records(3, 5) },
      ]);
      expectSucceeded(await product.run());
      const first = bothAccepted ? [records(1), records(3, 5)] : [records(3, 5)];
      await expectTables(product, rebuilt(first.flat()));
      expectSucceeded(await product.run());
      await expectTables(product, rebuilt(first.flat(), records(2)));
    });
  }

  it('before its first version was claimed is taken in its newest version only', async () => {
    await using product = await openProduct({ shape });
    await product.drop([file(9)]);
    const planned = await planPipeline(product);
    await cancelRun({ world: product.world, runId: planned.run?.runId ?? '' });
    await product.drop([file(2)]);
    expectSucceeded(await product.run());
    await expectTables(product, rebuilt(records(2)));
  });
});
