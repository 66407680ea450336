import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RewriteTask } from '../../lib/summary/tasks/tasks.ts';
import { scenarios } from '../generators/arbitraries.ts';
import type { Scenario } from '../generators/scenario.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { everyRow, rewrite, withBuckets, wrongIn } from '../summary/rewritten.ts';
import { campaign, type Mode, modeDocument, modes } from './modes.ts';

const rewrites: fc.Arbitrary<RewriteTask> = fc.oneof(
  fc.constantFrom(1, 2, 3, 4, 6, 7).map((buckets) => ({ kind: 'rebucket' as const, buckets })),
  fc.constant({ kind: 'compact' as const }),
);

/** A rewrite after each run; the runs go on under a pipeline file that says nothing of buckets. */
async function rewriteBetween(scenario: Scenario, mode: Mode, tasks: readonly RewriteTask[]): Promise<void> {
  await using first = await openProduct({ shape: scenario.shape, document: modeDocument(mode) });
  await bulkLoad(first, scenario.initial);
  let product = first;
  await using stack = new AsyncDisposableStack();
  for (const [index, files] of scenario.runs.entries()) {
    await product.drop(files);
    expectSucceeded(await product.run());
    const expected = expectedTables(scenario, index + 1);
    const before = await everyRow(product);
    if (before.summary.length === 0) continue;
    const task = tasks[index % tasks.length] ?? { kind: 'compact' };
    const { run } = await rewrite(product, task);
    expect(run?.error).toBeUndefined();
    expect(await everyRow(product)).toEqual(before);
    await expectTables(product, expected);
    expect(await wrongIn(product)).toEqual([]);
    if (product === first) product = stack.use(await withBuckets(first, undefined));
  }
}

it('rewrites between runs change no row, and later runs are what the oracle says', async () => {
  const tasks = fc.array(rewrites, { minLength: 1, maxLength: 3 });
  for (const feed of [false, true])
    await fc.assert(
      fc.asyncProperty(scenarios({ maxRecords: 30, maxFiles: 4, feed }), modes, tasks, rewriteBetween),
      campaign(feed ? 2 : 5),
    );
});
