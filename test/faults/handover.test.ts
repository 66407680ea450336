import { afterAll, beforeAll, expect, test } from 'vitest';
import { UnitTooLargeError } from '../../lib/errors.ts';
import { isHandover } from '../../lib/run/units/handovers.ts';
import type { CheckpointRecord } from '../../lib/stores/ports.ts';
import { summaryWorkload } from '../../lib/summary/index.ts';
import { maintainTables } from '../../lib/summary/maintain.ts';
import type { UnitSpec } from '../../lib/summary/types.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape } from '../generators/shape.ts';
import {
  openShortFunctions,
  type ShortFunctions,
  type ShortOptions,
  type Work,
} from '../run/short-functions.ts';
import { expectedTables, expectTables } from '../summary/product.ts';
import { everyRow, wrongIn } from '../summary/rewritten.ts';

/** Runs whose functions end in the middle of units, through the real state machine. */

const full = bulkScenario({
  shape: { ...smallShape, historyLength: 8 },
  seed: 31,
  keys: 20,
  months: 8,
  changed: 0.3,
});
const scenario = { ...full, runs: [full.runs.slice(0, 4).flat()] };
/** Units of several files, and an audit in units. */
const document = {
  work: { strategy: 'partitionwise', rewrite: 'auto', unitBytes: '8 KB' },
  tables: { buckets: 2 },
  maintenance: { auto: false },
};
const open = (options: Partial<ShortOptions>) =>
  openShortFunctions(scenario, { fit: 1_000, document, ...options });

async function recordsOf({
  product: { world, config },
}: ShortFunctions): Promise<readonly CheckpointRecord[]> {
  const [run] = await world.state.runs.list(config.pipeline, 1);
  const records: CheckpointRecord[] = [];
  for await (const record of world.state.checkpoints.list(run?.runId ?? '')) records.push(record);
  return records;
}

async function runIdOf({ product: { world, config } }: ShortFunctions): Promise<string> {
  const [run] = await world.state.runs.list(config.pipeline, 1);
  if (run === undefined) throw new Error('there is no run');
  return run.runId;
}

let endless: ShortFunctions;
/** Pieces of the run, by stage. */
let pieces: ReadonlyMap<string, number>;
const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0);

beforeAll(async () => {
  endless = await open({ fit: 1_000 });
  expect(await endless.execute()).toMatchObject({ status: 'SUCCEEDED' });
  pieces = new Map(endless.pieces);
});
afterAll(() => endless[Symbol.asyncDispose]());

test('whose functions never end hands nothing over', async () => {
  await expectTables(endless.product, expectedTables(scenario));
  expect([...pieces.keys()]).toEqual(['resolve', 'apply', 'check']);
  expect((await recordsOf(endless)).filter(isHandover)).toEqual([]);
  expect([...endless.calls.values()].every((ends) => ends.length === 1)).toBe(true);
});

for (const fit of [1, 2]) {
  test(`whose functions have time for ${fit} of a unit's pieces ends with the same tables, each piece done once`, async () => {
    await using short = await open({ fit });
    expect(await short.execute()).toMatchObject({ status: 'SUCCEEDED' });
    await expectTables(short.product, expectedTables(scenario));
    expect(short.pieces).toEqual(pieces);
    for (const ends of short.calls.values()) {
      expect(ends.slice(0, -1).every((end) => end === 'UnitUnfinishedError')).toBe(true);
      expect(ends.at(-1)).toBe('done');
    }
    const again = sum([...short.calls.values()].map((ends) => ends.length - 1));
    expect(again).toBeGreaterThan(0);
    expect((await recordsOf(short)).filter(isHandover)).toHaveLength(again);
  });
}

const deaths = [
  ['piece:apply', 3, 2],
  ['before-checkpoint:handover-apply', 1, 2],
  ['after-checkpoint:handover-apply', 2, 1],
  ['before-checkpoint:apply', 1, 2],
  ['piece:check', 2, 1],
  ['before-checkpoint:check', 1, 2],
] as const;

for (const [step, visit, fit] of deaths) {
  test(`that dies at ${step} goes on from the newest handover, with the same tables`, async () => {
    await using short = await open({ fit });
    short.stop = { step, visit };
    expect(await short.execute()).toMatchObject({ status: 'FAILED' });
    const before = await recordsOf(short);
    expect(await short.execute(await runIdOf(short))).toMatchObject({ status: 'SUCCEEDED' });
    await expectTables(short.product, expectedTables(scenario));
    expect(await recordsOf(short)).toEqual(expect.arrayContaining([...before]));
    // What one call had done is lost at most.
    expect(sum(short.pieces.values())).toBeLessThanOrEqual(sum(pieces.values()) + fit);
  });
}

test('whose unit has handed over keeps the files of the handover from the reaper, and no others', async () => {
  await using short = await open({ fit: 1 });
  short.stop = { step: 'before-checkpoint:handover-apply', visit: 2 };
  expect(await short.execute()).toMatchObject({ status: 'FAILED' });
  const { world, config } = short.product;
  short.wait(10 * 24 * 60 * 60_000);
  // The second piece had written at least a file.
  const swept = await maintainTables(world, config, { parts: ['orphans'], apply: true });
  expect(swept.join('\n')).toMatch(/deleted [12] orphan file/);
  const resumed = await short.execute(await runIdOf(short));
  expect(resumed).toMatchObject({ status: 'SUCCEEDED' });
  await expectTables(short.product, expectedTables(scenario));
});

test('that dies after its audit has handed over goes on with the next bucket', async () => {
  const manyBuckets = {
    ...document,
    work: { ...document.work, unitBytes: '20 KB' },
    tables: { buckets: 12 },
  };
  await using short = await open({ fit: 1, document: manyBuckets });
  short.stop = { step: 'after-checkpoint:handover-check', visit: 2 };
  expect(await short.execute()).toMatchObject({ status: 'FAILED' });
  const before = short.pieces.get('check');
  expect(await short.execute(await runIdOf(short))).toMatchObject({ status: 'SUCCEEDED' });
  await expectTables(short.product, expectedTables(scenario));
  // Nothing was lost, and nothing is done twice.
  expect(before).toBeLessThan(12);
  expect(short.pieces.get('check')).toBe(12);
});

test('whose units are all called twice at the same time publishes one set of files', async () => {
  await using short = await open({ fit: 3, atOnce: 2 });
  expect(await short.execute()).toMatchObject({ status: 'SUCCEEDED' });
  await expectTables(short.product, expectedTables(scenario));
  expect((await recordsOf(short)).some(isHandover)).toBe(true);
});

test('with a piece that does not fit a function fails by the name of what to change, not for ever', async () => {
  await using short = await open({ fit: 2, lastsMs: (stage) => (stage === 'apply' ? 5_000 : 1_000) });
  const result = await short.execute();
  expect(result.status).toBe('FAILED');
  const run = await short.product.world.state.runs.get(await runIdOf(short));
  expect(run?.error?.name).toBe('UnitTooLargeError');
  const apply = [...short.calls].filter(([unit]) => unit.startsWith('apply/'));
  // The second call asks for Spark, which the pipeline does not have, and works on nothing.
  expect(apply.map(([, ends]) => ends)).toEqual([['UnitTooLargeError', 'UnitTooLargeError']]);
});

test('whose audit looked at other files than are published is refused, and checked again when it is resumed', async () => {
  let spoiled = true;
  const blind: Work = (context, plan, item, specification) => {
    const spec = specification as UnitSpec;
    if (spec.stage !== 'check' || !spoiled) return summaryWorkload.work(context, plan, item, specification);
    const buckets = spec.buckets.map((one) => ({
      ...one,
      before: { ...one.before, tombstones: [], latest: [] },
    }));
    return summaryWorkload.work(context, plan, item, { ...spec, buckets });
  };
  await using short = await open({ work: blind });
  expect(await short.execute()).toMatchObject({ status: 'FAILED', error: 'IntegrityError' });
  const runId = await runIdOf(short);
  const run = await short.product.world.state.runs.get(runId);
  expect(run?.error?.message).toMatch(
    /checked files: bucket 0: \d+ files were checked, and they are not the \d+ of/,
  );
  spoiled = false;
  expect(await short.execute(runId)).toMatchObject({ status: 'SUCCEEDED' });
  await expectTables(short.product, expectedTables(scenario));
});

test('whose audit left a bucket out is refused', async () => {
  const short = await open({
    work: async (context, plan, item, specification) => {
      const result = await summaryWorkload.work(context, plan, item, specification);
      return item.stage === 'check'
        ? { ...result, outcome: { stage: 'check', changes: [], buckets: [] } }
        : result;
    },
  });
  await using _ = short;
  expect(await short.execute()).toMatchObject({ status: 'FAILED', error: 'IntegrityError' });
  const run = await short.product.world.state.runs.get(await runIdOf(short));
  expect(run?.error?.message).toMatch(/checked files: bucket 0 was not checked by any unit/);
});

/** Sessions with more than one thread run out of memory at a statement. */
function tight(stage: string, statement: RegExp, leastThreads: number, opened: unknown[]): Work {
  return (context, plan, item, specification) => {
    const session: typeof context.session = async (name, share) => {
      const engine = await context.session(name, share);
      if (item.stage !== stage) return engine;
      opened.push(share?.threads ?? 2);
      const execute = async (sql: string) => {
        if (statement.test(sql) && (share?.threads ?? 2) > leastThreads)
          throw new UnitTooLargeError('the engine ran out of memory');
        await engine.execute(sql);
      };
      return { ...engine, execute };
    };
    return summaryWorkload.work({ ...context, threads: 2, session }, plan, item, specification);
  };
}

for (const [stage, statement] of [
  ['resolve', /TABLE pw_resolved/],
  ['apply', /TABLE pw_hit/],
] as const) {
  test(`with a unit of ${stage} that runs out of memory does it once more with one thread`, async () => {
    const opened: unknown[] = [];
    await using short = await open({ work: tight(stage, statement, 1, opened) });
    expect(await short.execute()).toMatchObject({ status: 'SUCCEEDED' });
    await expectTables(short.product, expectedTables(scenario));
    expect(opened.slice(0, 2)).toEqual([2, 1]);
    expect(opened.filter((threads) => threads === 2)).toHaveLength(opened.length / 2);
  });

  test(`with a unit of ${stage} that one thread has no memory for says what to change`, async () => {
    await using short = await open({ work: tight(stage, statement, 0, []) });
    expect((await short.execute()).status).toBe('FAILED');
    const run = await short.product.world.state.runs.get(await runIdOf(short));
    expect(run?.error).toMatchObject({
      name: 'UnitTooLargeError',
      message: expect.stringMatching(/with one thread: .*Raise work\.memory .*lower work\.unitBytes/),
    });
  });
}

test('of a first load with a unit that runs out of memory does half of its keys at a time', async () => {
  const opened: unknown[] = [];
  const fresh = { ...scenario, initial: [] };
  await using short = await openShortFunctions(fresh, {
    fit: 1_000,
    document,
    work: tight('resolve', /TABLE pw_resolved/, 1, opened),
  });
  expect(await short.execute()).toMatchObject({ status: 'SUCCEEDED' });
  await expectTables(short.product, expectedTables(fresh));
  expect(opened).toEqual([2, 1, 1, 2, 1, 1]);
});

test('a rewrite is handed over from month to month, and ends as if one function had done it', async () => {
  const work = { ...document.work, unitBytes: '1 MB' };
  await using short = await open({ fit: 2, document: { ...document, work } });
  const before = await everyRow(short.product);
  expect(await short.execute(undefined, { kind: 'rebucket', buckets: 3 })).toMatchObject({
    status: 'SUCCEEDED',
  });
  expect([...short.calls.values()].flat()).toContain('UnitUnfinishedError');
  expect(await everyRow(short.product)).toEqual(before);
  expect(await wrongIn(short.product)).toEqual([]);
});
