import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OracleTables } from '../oracle/summary-oracle.ts';
import { monthText, workedExamples } from '../oracle/worked-examples.ts';
import { bulkLoad } from './bulk-load.ts';
import { exampleShape, exampleTable } from './examples.ts';
import { expectSucceeded, openProduct, type Product } from './product.ts';
import { comparable, latestDifferences, readTables, type StoredTables } from './tables.ts';

const modes = [
  { strategy: 'unified', rewrite: 'copy-on-write' },
  { strategy: 'partitionwise', rewrite: 'merge-on-read' },
] as const;

for (const work of modes) {
  describe(`the worked examples end to end, ${work.strategy}, ${work.rewrite}`, () => {
    let product: Product;
    let stored: StoredTables;
    let tables: OracleTables;

    beforeAll(async () => {
      product = await openProduct({ shape: exampleShape, document: { work, tables: { buckets: 2 } } });
      const { initial, runs } = exampleTable();
      await bulkLoad(product, initial);
      for (const files of runs) {
        await product.drop(files);
        expectSucceeded(await product.run());
      }
      stored = await readTables(product.world);
      tables = comparable(exampleShape, stored);
    });
    afterAll(() => product[Symbol.asyncDispose]());

    for (const example of workedExamples) {
      it(example.name, () => {
        const rows = tables.summary.filter((row) => row.key === example.name);
        expect(rows.map((row) => monthText(row.month))).toEqual(example.rows.map((row) => row.month));
        for (const [index, expected] of example.rows.entries()) {
          const row = rows[index];
          expect(row?.arrays.balance).toHaveLength(36);
          expect(row?.arrays.balance).toEqual(
            Array.from({ length: 36 }, (_, back) => expected.balance[back]?.toString() ?? null),
          );
          expect(row?.values.del_code).toBe(expected.deleted === true ? '4' : '0');
          if (expected.note !== undefined) expect(row?.values.note).toBe(expected.note);
          if (expected.grid !== undefined) expect(row?.grids.rating_grid).toBe(expected.grid);
        }
        const latest = tables.latest.filter((row) => row.key === example.name);
        expect(latest.map((row) => monthText(row.month))).toEqual(
          example.latest === undefined ? [] : [example.latest],
        );
        const tombstones = tables.tombstones.filter((one) => one.key === example.name);
        expect(tombstones.map((one) => monthText(one.month))).toEqual(example.tombstones ?? []);
      });
    }

    it('latest equals its summary row in every column', () => {
      expect(latestDifferences(stored)).toEqual([]);
    });
  });
}
