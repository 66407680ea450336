import { rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DataFile, dataFileToJson } from '../../lib/iceberg/index.ts';
import { spoolChanges } from '../../lib/run/publish/change-spool.ts';
import { saveCheckpoint } from '../../lib/run/units/checkpoints.ts';
import { writeStage } from '../../lib/run/units/stages.ts';
import type { Plan, RunContext } from '../../lib/run/workload.ts';
import { type Fixture, openFixture } from './fixture.ts';

let fixture: Fixture;
let context: RunContext;
beforeEach(async () => {
  fixture = await openFixture();
  context = await fixture.context();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const units = 40;
const locationOf = (index: number) => `${fixture.world.warehouse.root}/t/data/${index}.parquet`;

const dataFile = (index: number): DataFile => ({
  content: 'data',
  location: locationOf(index),
  format: 'PARQUET',
  specId: 0,
  partition: [index],
  rows: 1,
  sizeBytes: 3,
});

/** A stage of units that add a file each, and one of units that only look. */
async function workedPlan(): Promise<Plan> {
  const stages = [];
  for (const name of ['apply', 'check']) {
    const planned = Array.from({ length: units }, (_, index) => ({
      label: `u${index}`,
      rows: 1,
      bytes: 3,
      specification: { name, index },
    }));
    const stage = await writeStage(context, name, 0, planned);
    stages.push(stage);
    for await (const line of fixture.world.results.readLines(stage.items)) {
      if (line === '') continue;
      const { unit } = JSON.parse(line) as { unit: string };
      const index = Number(/^u(\d+)-/.exec(unit)?.[1]);
      const changes = [
        {
          role: 'summary',
          added: [dataFileToJson(dataFile(index))],
          addedDeletes: [],
          removed: [],
          removedDeletes: [],
        },
      ];
      const outcome = { stage: name, index, changes: name === 'apply' ? changes : [] };
      await saveCheckpoint(context, {
        stage: name,
        unit,
        startedMs: 0,
        result: { rows: 1, bytes: 3, outcome },
      });
    }
  }
  return { stages } as unknown as Plan;
}

async function writeFiles(): Promise<void> {
  for (let index = 0; index < units; index += 1)
    await fixture.world.warehouse.write(locationOf(index), new Uint8Array(3));
}

test('asks for the files of many units at a time', async () => {
  const plan = await workedPlan();
  await writeFiles();
  const { warehouse } = context.world;
  let asking = 0;
  let most = 0;
  const head: typeof warehouse.head = async (location) => {
    asking += 1;
    most = Math.max(most, asking);
    // An answer that takes its time: all that can be asked for meanwhile is.
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    asking -= 1;
    return warehouse.head(location);
  };
  const world = { ...context.world, warehouse: { ...warehouse, root: warehouse.root, head } };
  await using spool = await spoolChanges({ context: { ...context, world }, plan });
  expect(spool.counts['summary']?.added).toBe(units);
  expect(most).toBeGreaterThan(8);
});

test('reads each checkpoint once and none of a stage that changes nothing, and tells each result in order', async () => {
  const plan = await workedPlan();
  await writeFiles();
  const { results } = context.world;
  const reads: string[] = [];
  const read: typeof results.read = (location) => {
    reads.push(location);
    return results.read(location);
  };
  const world = { ...context.world, results: { ...results, root: results.root, read } };
  const heard: unknown[] = [];
  await using spool = await spoolChanges({
    context: { ...context, world },
    plan,
    idleStages: ['check'],
    heard: (stage, { outcome }) => heard.push([stage, (outcome as { index: number }).index]),
  });
  const locations: string[] = [];
  for await (const { location } of spool.dataFiles('summary', 'added')) locations.push(location);
  expect(locations).toEqual(Array.from({ length: units }, (_, index) => locationOf(index)));
  expect(reads).toHaveLength(units);
  expect(new Set(reads).size).toBe(units);
  expect(heard).toEqual(Array.from({ length: units }, (_, index) => ['apply', index]));
});

test('a file that is gone, or has another length, is named', async () => {
  const plan = await workedPlan();
  await writeFiles();
  await fixture.world.warehouse.write(locationOf(17), new Uint8Array(2), { overwrite: true });
  await expect(spoolChanges({ context, plan })).rejects.toMatchObject({
    name: 'PinnedSnapshotExpiredError',
    details: { location: locationOf(17), expectedBytes: 3, actualBytes: 2 },
  });
});

test('leaves nothing in the work folder when it fails', async () => {
  const plan = await workedPlan();
  await expect(spoolChanges({ context, plan })).rejects.toMatchObject({ name: 'PinnedSnapshotExpiredError' });
  expect(await readdir(`${context.world.workRoot}/${context.runId}`)).toEqual([]);
});

test('a disk that cannot be written fails it, and not the process', async () => {
  const plan = await workedPlan();
  await writeFiles();
  const heard = () => rmSync(`${context.world.workRoot}/${context.runId}`, { recursive: true, force: true });
  await expect(spoolChanges({ context, plan, heard })).rejects.toMatchObject({ code: 'ENOENT' });
});
