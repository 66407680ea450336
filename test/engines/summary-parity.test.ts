import { describe, expect, it } from 'vitest';
import type { SparkRunner } from '../../lib/engine/spark.ts';
import { bulkScenario } from '../generators/bulk.ts';
import type { SourceFile } from '../generators/scenario.ts';
import { type Shape, wideShape } from '../generators/shape.ts';
import type { InitialRow } from '../oracle/summary-oracle.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { exampleShape, exampleTable } from '../summary/examples.ts';
import { feedExampleRuns, feedShape } from '../summary/feed-example-runs.ts';
import { expectSucceeded, openProduct } from '../summary/product.ts';
import { readTables, type StoredRow, type StoredTables } from '../summary/tables.ts';
import { sparkRunner } from './runner.ts';

const runner = sparkRunner();

interface Story {
  readonly shape: Shape;
  readonly initial: readonly InitialRow[];
  readonly runs: readonly (readonly SourceFile[])[];
}

interface Played {
  readonly tables: StoredTables;
  readonly units: number;
}

async function play(story: Story, work: Readonly<Record<string, unknown>>): Promise<Played> {
  let units = 0;
  const spark: SparkRunner = {
    run: (given, options) => {
      units += given.length;
      return runner.run(given, options);
    },
  };
  await using product = await openProduct({
    shape: story.shape,
    document: {
      tables: { buckets: 1 },
      work: { strategy: 'partitionwise', ...work },
      maintenance: { auto: false },
    },
    spark,
  });
  await bulkLoad(product, story.initial);
  for (const files of story.runs) {
    await product.drop(files);
    expectSucceeded(await product.run());
  }
  return { tables: await readTables(product.world), units };
}

/** All columns but the run's name, which differs from run to run. */
function rowsOf(rows: readonly StoredRow[]): readonly string[] {
  return rows
    .map((row) =>
      JSON.stringify(
        Object.entries(row)
          .filter(([name]) => name !== 'changed_run')
          .sort(),
      ),
    )
    .sort();
}

async function expectParity(story: Story, rewrite: 'copy-on-write' | 'merge-on-read'): Promise<void> {
  const ours = await play(story, { engine: 'duckdb', rewrite });
  const theirs = await play(story, { engine: 'spark', rewrite });
  expect(ours.units).toBe(0);
  expect(theirs.units).toBeGreaterThan(0);
  for (const role of ['summary', 'latest', 'tombstones'] as const)
    expect(rowsOf(theirs.tables[role]), role).toEqual(rowsOf(ours.tables[role]));
  expect(ours.tables.summary.length).toBeGreaterThan(0);
}

describe('Spark and DuckDB leave the same rows, every column', () => {
  it('for the worked examples, marked', async () => {
    await expectParity({ shape: exampleShape, ...exampleTable() }, 'merge-on-read');
  });

  it('for the examples of the deletions feed, copied', async () => {
    await expectParity({ shape: feedShape, initial: [], runs: feedExampleRuns }, 'copy-on-write');
  });

  it('for 200 accounts of a table of every type: late months, corrections, deletes', async () => {
    const shape = { ...wideShape, historyLength: 8 };
    const bulk = bulkScenario({ shape, seed: 71, keys: 200, months: 4, changed: 0.4 });
    const runs = [1, 2].map((index) => bulk.runs[index] ?? []);
    await expectParity({ shape, initial: bulk.initial, runs }, 'merge-on-read');
  });
});
