import { expect, it } from 'vitest';
import type { SparkTaskList } from '../../lib/engine/spark.ts';
import { jsonBytes, sha256 } from '../../lib/run/layout.ts';
import { readSavedJson } from '../../lib/run/saved-json.ts';
import { type FinishItem, groupForSpark, type SparkRunItem } from '../../lib/run/spark/groups.ts';
import { stageItems, writeStage } from '../../lib/run/units/stages.ts';
import type { RunContext } from '../../lib/run/workload.ts';
import type { ObjectStore } from '../../lib/stores/ports.ts';
import { openFixture } from './fixture.ts';

const units = 20_000;
const rowsOfFile = (unit: string) => 1 + (Number.parseInt(sha256(unit).slice(0, 4), 16) % 100);

/** Compiled units that follow from their names, so that they need no disk. */
const compiled = (unit: string): Uint8Array =>
  jsonBytes({
    formatVersion: 1,
    result: {
      rows: 0,
      bytes: 0,
      outcome: {
        specification: `file:///made-up/${unit}.specification.json`,
        report: `file:///made-up/${unit}.report.json`,
        kept: {},
        load: { coreSeconds: rowsOfFile(unit), pieceBytes: 1e9 },
        ...(unit.startsWith('u0001') ? { rerouted: { name: 'States.Timeout', cause: '' } } : {}),
      },
    },
  });

interface Gauge {
  /** Units that were read and not yet written, at most. */
  most: number;
  chunks: number;
}

/** Counts units on their way from what is read to what is written. */
function gauged(store: ObjectStore, gauge: Gauge): ObjectStore {
  let under = 0;
  const come = () => {
    under += 1;
    gauge.most = Math.max(gauge.most, under);
  };
  const unitsIn = (bytes: Uint8Array) => new TextDecoder().decode(bytes).split('"specification":').length - 1;
  return {
    ...store,
    root: store.root,
    read: async (location) => {
      const unit = /made-up\/(.+)$/.exec(location)?.[1];
      if (unit === undefined) return store.read(location);
      come();
      return compiled(unit);
    },
    readLines: async function* (location) {
      const isWaiting = location.includes('/waiting-');
      for await (const line of store.readLines(location)) {
        if (isWaiting) come();
        yield line;
      }
    },
    write: async (location, bytes, options) => {
      async function* passing() {
        if (bytes instanceof Uint8Array) throw new Error('written as a whole');
        for await (const chunk of bytes) {
          gauge.chunks = Math.max(gauge.chunks, chunk.length);
          under -= location.includes('/runs-') ? 0 : unitsIn(chunk);
          yield chunk;
        }
      }
      return store.write(location, passing(), options);
    },
  };
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

it('a large stage passes through its grouping, however many units and runs there are', async () => {
  await using fixture = await openFixture();
  const context = await fixture.context();
  function* planned() {
    for (let n = 0; n < units; n += 1)
      yield { label: `u${String(n).padStart(5, '0')}`, rows: 1, bytes: 1, specification: { n } };
  }
  const stage = await writeStage(context, 'apply', 0, planned());
  const { world } = context;
  const { state } = world;
  const gauge: Gauge = { most: 0, chunks: 0 };
  const made: RunContext = {
    ...context,
    world: {
      ...world,
      results: gauged(world.results, gauge),
      state: {
        ...state,
        checkpoints: {
          ...state.checkpoints,
          get: async (runId, name, key) => {
            if (!name.startsWith('compiled-')) return undefined;
            const unit = key.replace(/\.a1$/, '');
            return {
              runId,
              stage: name,
              unit: key,
              attempt: 1,
              location: `${world.results.root}/made-up/${unit}`,
              digest: sha256(compiled(unit)),
              startedMs: 0,
              endedMs: 0,
              rows: 0,
              bytes: 0,
            };
          },
        },
      },
    },
  };
  // A run of 500 seconds of a core, and so some two thousand of them.
  const limits = { leastRunSeconds: 100, mostRuns: 4, mostRunSeconds: 500 };
  const groups = await groupForSpark(made, stage, { limits });
  expect(groups.units).toBe(units);
  expect(groups.runs).toBeGreaterThan(1_500);
  expect(groups.rerouted.units).toBe(10);
  expect(gauge.most).toBeLessThan(1_500);
  expect(gauge.chunks).toBeLessThan(300_000);

  const runs = (await all(world.results.readLines(groups.items ?? ''))).map(
    (line) => JSON.parse(line) as SparkRunItem,
  );
  expect(runs).toHaveLength(groups.runs);
  expect(runs.reduce((sum, run) => sum + run.units, 0)).toBe(units);
  const finish = (await all(world.results.readLines(groups.finish ?? ''))).map(
    (line) => JSON.parse(line) as FinishItem,
  );
  const names = (await all(stageItems(world.results, stage.items))).map(({ unit }) => unit);
  expect(finish.map(({ unit }) => unit)).toEqual(names);
  for (const at of [0, 7, runs.length - 1]) {
    const run = runs[at];
    const list = await readSavedJson<SparkTaskList>(world.results, run?.specifications ?? '', 'run-1');
    expect(list.units.map(({ report }) => /([^/]+)\.report/.exec(report)?.[1])).toEqual(
      finish.filter(({ group }) => group === run?.group).map(({ unit }) => unit),
    );
  }
});
