import { describe, expect, it } from 'vitest';
import { cancelRun, planPipeline, type RunOutcome, resumeRun } from '../../lib/run/local/local.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import {
  expectedTables,
  expectSucceeded,
  expectTables,
  openProduct,
  type Product,
} from '../summary/product.ts';
import { readTables } from '../summary/tables.ts';
import { collect } from './site.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 51, keys: 40, months: 8, changed: 0.3 });
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 2 });
const [firstFiles = [], secondFiles = []] = scenario.runs;

describe('a saved plan', () => {
  it('changes no table until it is applied, and applies what it showed', async () => {
    await using product = await openProduct({ shape: scenario.shape, document });
    await bulkLoad(product, scenario.initial);
    const before = await readTables(product.world);
    await product.drop(firstFiles);
    const planned = await planPipeline(product);
    expect(planned.run?.status).toBe('planned');
    expect(await readTables(product.world)).toEqual(before);

    const applied = await product.resume(planned.run?.runId ?? '');
    expectSucceeded(applied);
    expect(applied.plan?.digest).toBe(planned.plan?.digest);
    const units = applied.plan?.stages.map(({ name, units: count }) => [name, count]) ?? [];
    for (const [stage, count] of units) {
      const done = await collect(
        product.world.state.checkpoints.list(planned.run?.runId ?? '', String(stage)),
      );
      expect(done).toHaveLength(Number(count));
    }
    await expectTables(product, expectedTables(scenario, 1));
  });

  it('is refused with the difference when the tables moved, and can be planned again', async () => {
    await using product = await openProduct({ shape: scenario.shape, document });
    await using other = await openProduct({
      shape: scenario.shape,
      document: {
        ...document,
        pipeline: 'other',
        tables: {
          summary: 'proof_summary',
          latest: 'proof_latest',
          tombstones: 'proof_tombstones',
          buckets: 2,
        },
      },
      root: product.world.rootPath,
    });
    await bulkLoad(product, scenario.initial);
    await product.drop(firstFiles);
    const planned = await planPipeline(product);
    const runId = planned.run?.runId ?? '';
    await other.drop(secondFiles);
    expectSucceeded(await other.run());
    const between = await readTables(product.world);

    const refused = await product.resume(runId);
    expect(refused.run?.error?.name).toBe('PlanStaleError');
    expect(refused.run?.error?.message).toMatch(/proof_summary: snapshot \d+ -> \d+/);
    expect(await readTables(product.world)).toEqual(between);

    expectSucceeded(await resumeRun({ ...product, runId, replan: true }));
    await expectTables(product, expectedTables(scenario, 2));
  });
});

describe('a run that failed and was overtaken', () => {
  it('still brings its records in when it is resumed after a later run', async () => {
    for (const death of ['planned', 'after-checkpoint:resolve', 'audited', 'before-swap']) {
      let armed = true;
      await using product = await openProduct({
        shape: scenario.shape,
        document,
        step: async (name) => {
          if (armed && name === death) throw new TypeError(`died at ${name}`);
        },
      });
      await bulkLoad(product, scenario.initial);
      await product.drop(firstFiles);
      const failed = await product.run();
      expect(failed.run?.status).toBe('failed');
      armed = false;
      await product.drop(secondFiles);
      expectSucceeded(await product.run());
      expectSucceeded(await product.resume(failed.run?.runId ?? ''));
      await expectTables(product, expectedTables(scenario, 2));
    }
  });

  it('still brings its records in when the later run made the tables, with more buckets than it had chosen', async () => {
    const created = { ...scenario, initial: [] };
    const chosen = { ...document, tables: { targetFileSize: '1 KB' } };
    for (const death of ['manifest', 'planned', 'after-checkpoint:resolve', 'before-swap']) {
      let armed = true;
      await using product = await openProduct({
        shape: scenario.shape,
        document: chosen,
        step: async (name) => {
          if (armed && name === death) throw new TypeError(`died at ${name}`);
        },
      });
      await bulkLoad(product, created.initial);
      const few = [
        {
          name: 'few.csv',
          format: 'csv' as const,
          seed: 1,
          records: firstFiles.flatMap((file) => file.records).slice(0, 2),
        },
      ];
      await product.drop(few);
      await product.run().catch(() => undefined);
      const failed = (await product.world.state.runs.list('proof', 1))[0];
      expect(failed?.status).not.toBe('succeeded');
      armed = false;
      await product.drop(secondFiles.map((file) => ({ ...file, name: `later/${file.name}` })));
      expectSucceeded(await product.run());
      expectSucceeded(await resumeAsAdvised(product, failed?.runId ?? ''));
      await expectTables(product, expectedTables({ ...created, runs: [few, secondFiles] }));
      await product.drop([
        {
          name: 'third.csv',
          format: 'csv',
          seed: 1,
          records: scenario.runs[2]?.flatMap((file) => file.records) ?? [],
        },
      ]);
      expectSucceeded(await product.run());
      await expectTables(
        product,
        expectedTables({ ...created, runs: [few, secondFiles, scenario.runs[2] ?? []] }),
      );
    }
  });
});

/** Resumes a run; where that is refused, does what the refusal says. */
async function resumeAsAdvised(product: Product, runId: string): Promise<RunOutcome> {
  let outcome = await product.resume(runId);
  if (outcome.run?.error?.next?.includes('--replan') === true)
    outcome = await resumeRun({ ...product, runId, replan: true });
  if (outcome.run?.error?.next?.includes('cancel') !== true) return outcome;
  await cancelRun({ world: product.world, runId });
  return product.run();
}
