import { describe, expect, it } from 'vitest';
import { resumeRun, runPipeline } from '../../lib/run/local/local.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { rng } from '../generators/random.ts';
import { smallShape } from '../generators/shape.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectTables, openProduct, type Product } from '../summary/product.ts';
import { faultyWorld } from './faulty-world.ts';
import { collect } from './site.ts';

const firstSeed = Number(process.env.PARTWISE_SEED ?? 1);
const seeds = Array.from({ length: Number(process.env.PARTWISE_RUNS ?? 4) }, (_, index) => firstSeed + index);
const rates = [0.003, 0.01, 0.02];
/** For runs whose audit alone makes hundreds of calls: rare enough to end. */
const mercy = 0.0005;
const maxTurns = 80;

/** Kinds that must fire, one of them in each run by turns: otherwise the simulation proves nothing about them. */
const mustFire = [
  'catalog.swap before',
  'catalog.swap after',
  'checkpoints.put before',
  'checkpoints.put after',
  'results.write before',
  'results.write after',
  'warehouse.adopt before',
  'warehouse.adopt after',
  'runs.update after',
  'intake.claim after',
];

describe('seeded faults at every port call', () => {
  it(`end in the same tables (seeds ${seeds[0]} to ${seeds.at(-1)})`, async () => {
    const fired = new Map<string, number>();
    let commits = 0;
    let turnOf = 0;
    for (const seed of seeds) {
      const source = rng(`simulation/${seed}`);
      const scenario = bulkScenario({ shape: smallShape, seed, keys: 30, months: 6, changed: 0.3 });
      await using product = await openProduct({
        shape: scenario.shape,
        document: { tables: { buckets: 2 }, maintenance: { auto: false } },
      });
      await bulkLoad(product, scenario.initial);
      const faulty = faultyWorld(product.world, source);
      for (const [index, files] of scenario.runs.entries()) {
        await product.drop(files);
        faulty.rate(source.pick(rates));
        faulty.demand(mustFire[turnOf++ % mustFire.length] ?? '');
        for (let turn = 1; !(await isQuiet(product)); turn += 1) {
          if (turn > maxTurns)
            throw new Error(
              `seed ${seed}, run ${index}: not quiet after ${maxTurns} turns; ${JSON.stringify((await product.world.state.runs.list())[0])}`,
            );
          if (turn > maxTurns / 2) faulty.rate(mercy);
          await takeTurn({ ...product, world: faulty.world }, product);
        }
        faulty.rate(0);
        await expectTables(product, expectedTables(scenario, index + 1));
        commits += 1;
      }
      for (const [kind, count] of faulty.fired) fired.set(kind, (fired.get(kind) ?? 0) + count);
    }
    console.log(
      `simulation: ${[...fired.values()].reduce((sum, count) => sum + count, 0)} faults of ${fired.size} kinds, ${commits} commits`,
    );
    expect(commits).toBeGreaterThanOrEqual(seeds.length * 4);
    expect(mustFire.filter((kind) => !fired.has(kind))).toEqual([]);
  });
});

/** Whatever happens in a turn is one of the things that the next turn must cope with. */
async function takeTurn(broken: Product, sound: Product): Promise<void> {
  const unfinished = await unfinishedRun(sound);
  try {
    if (unfinished === undefined) await runPipeline(broken);
    else await resumeRun({ ...broken, runId: unfinished });
  } catch {
    // An error outside of any run: nothing was claimed, or the record says what stands.
  }
}

async function unfinishedRun({ world, config }: Product): Promise<string | undefined> {
  const runs = await world.state.runs.list(config.pipeline, 100);
  return runs.find(({ status }) => status !== 'succeeded' && status !== 'empty' && status !== 'cancelled')
    ?.runId;
}

/** Nothing unfinished, nothing pending, and every dropped file known. */
async function isQuiet(product: Product): Promise<boolean> {
  if ((await unfinishedRun(product)) !== undefined) return false;
  const items = await collect(product.world.state.intake.list(product.config.pipeline));
  return items.length >= product.dropped() && items.every(({ status }) => status === 'done');
}
