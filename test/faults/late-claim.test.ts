import { expect, it } from 'vitest';
import { runPipeline } from '../../lib/run/local/local.ts';
import type { IntakeStore } from '../../lib/stores/ports.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { collect } from './site.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 5, keys: 30, months: 6, changed: 0.3 });
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 1 });

it('a file that was claimed after the run listed its files goes to the next run', async () => {
  await using product = await openProduct({ shape: scenario.shape, document });
  await bulkLoad(product, scenario.initial);
  const [files = []] = scenario.runs;
  await product.drop(files);
  const { world, config } = product;
  const { intake } = world.state;
  let hidden = 0;
  const late: IntakeStore = {
    ...intake,
    async *list(pipeline, filter = {}) {
      let first = filter.runId !== undefined;
      for await (const item of intake.list(pipeline, filter)) {
        if (first) hidden += 1;
        else yield item;
        first = false;
      }
    },
  };
  const outcome = await runPipeline({
    config,
    world: { ...world, state: { ...world.state, intake: late } },
  });
  expectSucceeded(outcome);
  expect(hidden).toBeGreaterThan(0);
  expect(await collect(intake.list(config.pipeline, { status: 'pending' }))).toHaveLength(1);
  expectSucceeded(await product.run());
  await expectTables(product, expectedTables(scenario, 1));
});
