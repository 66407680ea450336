import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { feedExamples } from '../oracle/feed-examples.ts';
import type { OracleTables } from '../oracle/summary-oracle.ts';
import { monthText } from '../oracle/worked-examples.ts';
import { courses, feedExampleRuns, keyOf, feedShape as shape } from './feed-example-runs.ts';
import { expectSucceeded, openProduct, type Product } from './product.ts';
import { comparable, latestDifferences, readTables, type StoredTables } from './tables.ts';

const modes = [
  { strategy: 'unified', rewrite: 'copy-on-write' },
  { strategy: 'unified', rewrite: 'merge-on-read' },
  { strategy: 'partitionwise', rewrite: 'copy-on-write' },
  { strategy: 'partitionwise', rewrite: 'merge-on-read' },
] as const;

for (const work of modes) {
  describe(`the deletions feed end to end, ${work.strategy}, ${work.rewrite}`, () => {
    let product: Product;
    let stored: StoredTables;
    let tables: OracleTables;

    beforeAll(async () => {
      product = await openProduct({ shape, document: { work, tables: { buckets: 2 } } });
      for (const files of feedExampleRuns) {
        await product.drop(files);
        expectSucceeded(await product.run());
      }
      stored = await readTables(product.world);
      tables = comparable(shape, stored);
    });
    afterAll(() => product[Symbol.asyncDispose]());

    for (const example of feedExamples) {
      it.each(Object.keys(courses))(`${example.name}, %s`, (course) => {
        const key = keyOf(course, example);
        const rows = tables.summary.filter((row) => row.key === key);
        expect(
          rows.map(({ month, values, arrays }) => ({
            month: monthText(month),
            closed: values.closed,
            code: values.del_code,
            balance: arrays.balance,
          })),
        ).toEqual(
          example.rows.map((row) => ({
            ...row,
            balance: Array.from({ length: 4 }, (_, back) => row.balance[back]?.toString() ?? null),
          })),
        );
        const latest = tables.latest.filter((row) => row.key === key);
        expect(latest.map((row) => monthText(row.month))).toEqual([example.latest]);
        const tombstones = tables.tombstones.filter((one) => one.key === key);
        expect(tombstones.map((one) => monthText(one.month))).toEqual(example.tombstones ?? []);
      });
    }

    it('latest equals its summary row in every column', () => {
      expect(latestDifferences(stored)).toEqual([]);
    });
  });
}
