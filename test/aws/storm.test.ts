import { expect, inject, it } from 'vitest';
import { bulkScenario } from '../generators/bulk.ts';
import { type Rng, rng } from '../generators/random.ts';
import { smallShape } from '../generators/shape.ts';
import { modeDocument } from '../properties/modes.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectedTables, expectSucceeded, expectTables } from '../summary/product.ts';
import { type FaultProxy, openFaultProxy } from './faults.ts';
import { openAwsProduct } from './product.ts';

const scenario = bulkScenario({ shape: smallShape, seed: 83, keys: 30, months: 6, changed: 0.3 });
const document = modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 1 });
const services = ['s3', 'dynamodb', 'glue'] as const;

/** A network that loses requests and replies and services that are too busy, one request in twenty. */
it('runs end with the right tables through a storm of lost requests, lost replies and throttling', async () => {
  const seed = process.env.PARTWISE_SEED ?? '20260101';
  console.log(`storm: seed ${seed} (PARTWISE_SEED=${seed})`);
  const source = rng(`storm/${seed}`);
  await using quiet = await openAwsProduct({ shape: scenario.shape, document });
  await bulkLoad(quiet, scenario.initial);
  await using proxies = new AsyncDisposableStack();
  const fired = new Map<string, number>();
  const endpoints: Record<string, string> = {};
  for (const service of services) {
    const proxy = proxies.use(await openFaultProxy(inject('endpoints')[service]));
    endpoints[service] = proxy.url;
    for (const kind of ['lost request', 'lost reply', 'busy'] as const)
      strikeAtRandom(proxy, source, kind, () => {
        fired.set(`${service} ${kind}`, (fired.get(`${service} ${kind}`) ?? 0) + 1);
      });
  }
  await using product = await quiet.another({ endpoints });
  let resumed = 0;
  for (const [index, files] of scenario.runs.slice(0, 2).entries()) {
    await quiet.drop(files);
    let outcome = await product.run();
    for (let left = 5; outcome.run?.status === 'failed' && left > 0; left -= 1) {
      resumed += 1;
      outcome = await product.resume(outcome.run.runId);
    }
    expectSucceeded(outcome);
    await expectTables(quiet, expectedTables(scenario, index + 1));
  }
  console.log(`storm: ${[...fired].map(([kind, n]) => `${kind} ${n}`).join(', ')}; resumed ${resumed} times`);
  for (const service of services)
    for (const kind of ['lost request', 'lost reply', 'busy'])
      expect(fired.get(`${service} ${kind}`) ?? 0, `${service} ${kind}`).toBeGreaterThan(0);
});

function strikeAtRandom(
  proxy: FaultProxy,
  source: Rng,
  kind: 'lost request' | 'lost reply' | 'busy',
  onStrike: () => void,
): void {
  let asked = 0;
  const fault =
    kind === 'busy'
      ? ({ kind: 'status', status: 503, code: 'ServiceUnavailable' } as const)
      : ({ kind } as const);
  proxy.strike(fault, Number.POSITIVE_INFINITY, () => {
    asked += 1;
    // The fifth request of each kind for certain, so that no seed leaves one out.
    if (asked !== 5 && !source.chance(0.05 / 3)) return false;
    onStrike();
    return true;
  });
}

it('two attempts of one run at the same time publish it once', async () => {
  let release: (() => void) | undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let paused: (() => void) | undefined;
  const isPaused = new Promise<void>((resolve) => {
    paused = resolve;
  });
  await using first = await openAwsProduct({
    shape: scenario.shape,
    document,
    world: {
      step: async (name) => {
        if (name !== 'before-swap') return;
        paused?.();
        await released;
      },
    },
  });
  await bulkLoad(first, scenario.initial);
  await first.drop(scenario.runs[0] ?? []);
  const slow = first.run();
  await isPaused;
  await using second = await first.another();
  const [run] = await second.world.state.runs.list(second.config.pipeline, 1);
  expectSucceeded(await second.resume(run?.runId ?? ''));
  const late = expect(slow).rejects.toMatchObject({
    name: 'LeaseLostError',
    message: expect.stringContaining('was overtaken by attempt 2'),
  });
  release?.();
  await late;
  await expectTables(second, expectedTables(scenario, 1));
  const nothing = await second.run();
  expect(nothing.run).toBeUndefined();
  await expectTables(second, expectedTables(scenario, 1));
});
