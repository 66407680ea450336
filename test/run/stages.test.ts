import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CorruptStateError } from '../../lib/errors.ts';
import { checkpointsOf, readCheckpoint, saveCheckpoint } from '../../lib/run/units/checkpoints.ts';
import {
  type PlannedUnit,
  readSpecification,
  stageItems,
  unitId,
  writeStage,
} from '../../lib/run/units/stages.ts';
import type { UnitItem } from '../../lib/run/workload.ts';
import { openFixture } from './fixture.ts';

const planned = (n: number, specification: unknown = { n }): PlannedUnit => ({
  label: `b${n}`,
  rows: n,
  bytes: 10 * n,
  specification,
});
async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

test('each item leads back to its own specification, whatever text it holds', async () => {
  await using fixture = await openFixture();
  const context = await fixture.context();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 8 }), async (specifications) => {
      const units = specifications.map((specification, n) => planned(n, specification));
      const stage = await writeStage(context, 'work', 0, units);
      const items = await all(stageItems(context.world.results, stage.items));
      const read = await Promise.all(items.map((item) => readSpecification(context.world.results, item)));
      expect(read).toEqual(specifications.map((value) => JSON.parse(JSON.stringify(value))));
    }),
    { numRuns: 40 },
  );
});

test('an item stays below one kilobyte', async () => {
  await using fixture = await openFixture();
  const context = await fixture.context();
  const stage = await writeStage(context, 'work', 0, [
    planned(1, { files: Array.from({ length: 1_000 }, (_, n) => `file-${n}`) }),
  ]);
  const [item] = await all(stageItems(context.world.results, stage.items));
  expect(JSON.stringify(item).length).toBeLessThan(1_000);
});

test('planned again with the same inputs a unit keeps its id, with others it gets another', () => {
  expect(unitId(planned(1))).toBe(unitId(planned(1)));
  expect(unitId(planned(1, { n: 2 }))).not.toBe(unitId(planned(1)));
});

test('a specification that is not the planned one is refused', async () => {
  await using fixture = await openFixture();
  const context = await fixture.context();
  const stage = await writeStage(context, 'work', 0, [planned(1), planned(2)]);
  const [first, second] = (await all(stageItems(context.world.results, stage.items))) as [UnitItem, UnitItem];
  await expect(
    readSpecification(context.world.results, { ...first, offset: second.offset, length: second.length }),
  ).rejects.toThrow(CorruptStateError);
});

test('a checkpoint comes back as it was saved, and the first of two stands', async () => {
  await using fixture = await openFixture();
  const context = await fixture.context();
  const stage = await writeStage(context, 'work', 0, [planned(1)]);
  const unit = unitId(planned(1));
  await saveCheckpoint(context, {
    stage: 'work',
    unit,
    startedMs: 0,
    result: { rows: 1, bytes: 2, outcome: { changes: ['first'] } },
  });
  await saveCheckpoint(
    { ...context, attempt: 2 },
    { stage: 'work', unit, startedMs: 0, result: { rows: 1, bytes: 2, outcome: { changes: ['second'] } } },
  );
  const found = await all(checkpointsOf(context, stage));
  expect(found.map(({ result }) => result.outcome)).toEqual([{ changes: ['first'] }]);
});

test('a damaged checkpoint is detected, never guessed', async () => {
  await using fixture = await openFixture();
  const context = await fixture.context();
  const record = await saveCheckpoint(context, {
    stage: 'work',
    unit: 'u-1',
    startedMs: 0,
    result: { rows: 1, bytes: 2, outcome: {} },
  });
  const bytes = await context.world.results.read(record.location);
  await context.world.results.write(record.location, bytes.subarray(0, bytes.length - 3), {
    overwrite: true,
  });
  await expect(readCheckpoint(context, record)).rejects.toThrow(CorruptStateError);
});

test('a stage with a unit that has no checkpoint has not ended', async () => {
  await using fixture = await openFixture();
  const context = await fixture.context();
  const stage = await writeStage(context, 'work', 0, [planned(1)]);
  await expect(all(checkpointsOf(context, stage))).rejects.toThrow(/no checkpoint/);
});
