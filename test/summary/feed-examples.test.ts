import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceFile } from '../generators/scenario.ts';
import type { Shape } from '../generators/shape.ts';
import {
  type FeedExample,
  type FeedExampleEvent,
  feedExampleRules,
  feedExamples,
} from '../oracle/feed-examples.ts';
import type { OracleTables } from '../oracle/summary-oracle.ts';
import { monthText } from '../oracle/worked-examples.ts';
import { expectSucceeded, openProduct, type Product } from './product.ts';
import { comparable, latestDifferences, readTables, type StoredTables } from './tables.ts';

const shape: Shape = {
  keyType: 'string',
  tieTypes: [],
  columns: [
    { name: 'balance', type: 'bigint' },
    { name: 'closed', type: 'date' },
  ],
  history: feedExampleRules.history,
  grids: [],
  historyLength: feedExampleRules.historyLength,
  deletes: true,
  overrides: 'closed',
  onStale: 'ignore',
};

/** The events of an example one run after the other, the other way round, and all in one run. */
const courses: Readonly<Record<string, (example: FeedExample) => readonly (readonly FeedExampleEvent[])[]>> =
  {
    'one by one': ({ events }) => events.map((event) => [event]),
    reversed: ({ events }) => events.toReversed().map((event) => [event]),
    'all at once': ({ events }) => [events],
  };

const keyOf = (course: string, example: FeedExample) => `${course}: ${example.name}`;

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
      const events = Math.max(...feedExamples.map((example) => example.events.length));
      for (let run = 0; run < events; run += 1) {
        await product.drop(filesOf(run));
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

function filesOf(run: number): readonly SourceFile[] {
  const events = Object.entries(courses).flatMap(([course, order]) =>
    feedExamples.flatMap((example) =>
      (order(example)[run] ?? []).map((event) => ({ event, key: keyOf(course, example) })),
    ),
  );
  const records = events.flatMap(({ event, key }) =>
    event.kind === 'record' ? [{ ...event.record, key }] : [],
  );
  const feed = events.flatMap(({ event, key }) => (event.kind === 'feed' ? [{ ...event.record, key }] : []));
  const files: SourceFile[] = [];
  if (records.length > 0) files.push({ name: `${run}.csv`, format: 'csv', seed: run, records });
  if (feed.length > 0)
    files.push({ name: `${run}.parquet`, format: 'parquet', seed: run, records: [], feed });
  return files;
}
