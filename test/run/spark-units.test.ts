import { describe, expect, it } from 'vitest';
import { unitRows } from '../../lib/cli/history-records.ts';
import { engineModel } from '../../lib/engine/engine-model.ts';
import type { SparkOutcome, SparkRunner, SparkTaskList } from '../../lib/engine/spark.ts';
import { jsonBytes } from '../../lib/run/layout.ts';
import type { ProgressEvent } from '../../lib/run/progress-event.ts';
import { recordedError } from '../../lib/run/raised-error.ts';
import { readSavedJson } from '../../lib/run/saved-json.ts';
import { secondsOfBytes } from '../../lib/run/spark/capacity.ts';
import { compiledRecord, savedUnit, unitsCompiled } from '../../lib/run/spark/compiled-units.ts';
import { type FinishItem, groupForSpark, type SparkRunItem } from '../../lib/run/spark/groups.ts';
import { saveRunFailure } from '../../lib/run/spark/outcome.ts';
import { type PlannedUnit, stageItems, writeStage } from '../../lib/run/units/stages.ts';
import { type UnitWork, workUnit } from '../../lib/run/units/unit-work.ts';
import type { Plan, RunContext, SparkUse, Workload } from '../../lib/run/workload.ts';
import { openFixture } from './fixture.ts';

/** The two halves of units for Spark, with a workload that only says what it was asked for. */

const idle: SparkRunner = { run: async () => undefined };
const plan = {} as Plan;
const done: SparkOutcome = {
  formatVersion: 1,
  outcome: 'done',
  answers: {},
  application: 'a',
  version: '3.5',
  elapsedMs: {},
};
interface Specification {
  readonly n: number;
  readonly use: SparkUse;
  readonly bytes?: number;
}

async function bench(specifications: readonly Specification[], spark: SparkRunner | 'none' = idle) {
  const told: ProgressEvent[] = [];
  const fixture = await openFixture({
    onProgress: (event) => told.push(event),
    ...(spark === 'none' ? {} : { spark }),
  });
  const context = await fixture.context();
  const asked: unknown[] = [];
  const workload = {
    sparkUse: (specification: unknown) => (specification as Specification).use,
    work: async (_context, _plan, item) => {
      asked.push(['work', item.unit.slice(0, 2)]);
      return { rows: 1, bytes: 1, outcome: {} };
    },
    compile: async (_context, _plan, item, specification) => {
      asked.push(['compile', item.unit.slice(0, 2)]);
      const { n, bytes = 1 } = specification as Specification;
      const unit = {
        formatVersion: 1,
        inputs: [],
        statements: [`SELECT ${n}`],
        outputs: [],
        queries: {},
      } as const;
      return { kind: 'spark', unit, bytes, kept: { n } };
    },
    finish: async (_context, _plan, item, _specification, compiled, report) => {
      asked.push(['finish', item.unit.slice(0, 2), compiled.kept, compiled.unit.statements, report.version]);
      return { rows: 5, bytes: 7, outcome: {} };
    },
  } as Partial<Workload> as Workload;
  const units = specifications.map(
    (specification): PlannedUnit => ({
      label: `u${specification.n}`,
      rows: 1,
      bytes: 1,
      specification,
    }),
  );
  const stage = await writeStage(context, 'apply', 0, units);
  const items = await all(stageItems(context.world.results, stage.items));
  return {
    context,
    stage,
    items,
    asked,
    told,
    work: (index: number, more: Partial<UnitWork> = {}, at: RunContext = context) =>
      workUnit({
        context: at,
        workload,
        plan,
        item: { ...(items[index] as UnitWork), ...more },
        startedMs: 0,
      }),
    report: async (index: number, outcome: SparkOutcome) => {
      const record = await compiledRecord(context, items[index] as UnitWork);
      if (record === undefined) throw new Error('not compiled');
      const { report } = await savedUnit(context, record);
      await context.world.results.write(report, jsonBytes(outcome), { overwrite: true });
    },
    checkpoint: (index: number) =>
      context.world.state.checkpoints.get(context.runId, 'apply', items[index]?.unit ?? ''),
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

describe('a unit for Spark', () => {
  it('is compiled once an attempt, and its second half gets what the first has kept and the report', async () => {
    await using b = await bench([{ n: 1, use: 'planned' }]);
    await b.work(0);
    await b.work(0);
    expect(b.asked).toEqual([['compile', 'u1']]);
    expect(await b.checkpoint(0)).toBeUndefined();
    await b.report(0, done);
    await b.work(0, { finish: true, group: 'g0' });
    expect(b.asked[1]).toEqual(['finish', 'u1', { n: 1 }, ['SELECT 1'], '3.5']);
    expect(await b.checkpoint(0)).toMatchObject({ rows: 5, bytes: 7 });
  });

  it('is told of as one that waits, by whoever is asked to work it', async () => {
    await using b = await bench([
      { n: 1, use: 'planned' },
      { n: 2, use: 'possible' },
    ]);
    for (const index of [0, 0, 1]) await b.work(index);
    const waits = { kind: 'compiled', runId: 'run-1', stage: 'apply', unit: b.items[0]?.unit };
    expect(b.told).toEqual([waits, waits]);
  });

  it('is compiled anew by the next attempt, into other places', async () => {
    await using b = await bench([{ n: 1, use: 'planned' }]);
    await b.work(0);
    const next = { ...b.context, attempt: 2 };
    await b.work(0, {}, next);
    const places = await Promise.all(
      [b.context, next].map(async (at) => {
        const record = await compiledRecord(at, b.items[0] as UnitWork);
        return record === undefined ? undefined : (await savedUnit(at, record)).report;
      }),
    );
    expect(new Set(places).size).toBe(2);
    expect(b.asked).toHaveLength(2);
  });

  it.each([
    ['missing-input', 'PinnedSnapshotExpiredError'],
    ['out-of-memory', 'UnitTooLargeError'],
    ['other', 'SparkUnitError'],
  ] as const)('whose report says %s fails by %s, in Spark’s words', async (kind, name) => {
    await using b = await bench([{ n: 1, use: 'planned' }]);
    await b.work(0);
    await b.report(0, {
      formatVersion: 1,
      outcome: 'failed',
      error: { kind, message: 'the cause\nthe rest' },
    });
    await expect(b.work(0, { finish: true, group: 'g0' })).rejects.toMatchObject({
      name,
      message: expect.stringContaining('the cause'),
      details: { told: 'the cause\nthe rest' },
    });
    expect(await b.checkpoint(0)).toBeUndefined();
  });

  it('without a report fails by the job run that it was in', async () => {
    await using b = await bench([{ n: 1, use: 'planned' }]);
    await b.work(0);
    const cause = JSON.stringify({ Id: 'jr_7', JobRunState: 'TIMEOUT', ErrorMessage: 'too long' });
    await saveRunFailure(b.context, 'apply', 'g0', { name: 'States.TaskFailed', cause });
    await expect(b.work(0, { finish: true, group: 'g0' })).rejects.toMatchObject({
      name: 'SparkUnitError',
      message: expect.stringMatching(/job run jr_7 ended as TIMEOUT: too long/),
      next: 'partwise resume run-1',
    });
    await expect(b.work(0, { finish: true, group: 'g1' })).rejects.toThrow(/without a word/);
  });
});

describe('who has done a unit', () => {
  it('is told with it, and how many Spark was given over all attempts with the run', async () => {
    await using b = await bench([
      { n: 1, use: 'planned' },
      { n: 2, use: 'never' },
      { n: 3, use: 'planned' },
    ]);
    await b.work(0);
    await b.work(1);
    await b.report(0, done);
    await b.work(0, { finish: true, group: 'g0' });
    const second = { ...b.context, attempt: 2 };
    await b.work(0, {}, second);
    await b.work(2, {}, second);
    const { state } = b.context.world;
    const rows = await all(unitRows(state, b.context.runId));
    expect(rows.map(({ unit, engine }) => [unit.slice(0, 2), engine])).toEqual([
      ['u1', 'spark'],
      ['u2', 'duckdb'],
    ]);
    expect(await unitsCompiled(state, b.context.runId, 'apply')).toBe(2);
  });
});

describe('a unit that was too large for a function', () => {
  const reroute = { name: 'Runtime.ExitError', cause: '{"errorMessage":"signal: killed"}' };

  it('is compiled where its kind can be, and the runs of Spark say why', async () => {
    await using b = await bench([
      { n: 1, use: 'possible' },
      { n: 2, use: 'possible' },
    ]);
    await b.work(0);
    await b.work(1, { reroute });
    expect(b.asked).toEqual([
      ['work', 'u1'],
      ['compile', 'u2'],
    ]);
    expect(await groupForSpark(b.context, b.stage)).toMatchObject({
      runs: 1,
      units: 1,
      rerouted: {
        units: 1,
        some: [{ unit: `apply/${b.items[1]?.unit}`, name: 'Runtime.ExitError', message: 'signal: killed' }],
      },
    });
  });

  it.each([
    ['its kind cannot be compiled', 'never', idle],
    ['there is no Spark', 'possible', 'none'],
  ] as const)('fails as it had failed where %s', async (_, use, spark) => {
    await using b = await bench([{ n: 1, use }], spark);
    await expect(b.work(0, { reroute })).rejects.toMatchObject({
      name: 'Runtime.ExitError',
      message: 'signal: killed',
    });
    const notes = await all(b.context.world.state.checkpoints.notes(b.context.runId));
    expect(notes.map(({ error }) => error)).toEqual(['Runtime.ExitError: signal: killed']);
    // The Map knows only that some unit failed.
    const told = { name: 'States.ExceedToleratedFailureThreshold', cause: '' };
    expect(await recordedError(b.context.world, b.context.runId, told)).toMatchObject({
      name: 'Runtime.ExitError',
    });
  });
});

describe('runs of Spark', () => {
  const sized = (bytes: readonly number[]) =>
    bytes.map((size, n): Specification => ({ n, use: 'planned', bytes: size }));

  it('are few, get like amounts to read, and none of what is done or not compiled', async () => {
    await using b = await bench([...sized([55, 5, 50, 10, 1]), { n: 7, use: 'possible' }]);
    for (const index of b.items.keys()) await b.work(index);
    await b.report(4, done);
    await b.work(4, { finish: true, group: 'g0' });
    const second = secondsOfBytes(1, engineModel());
    const limits = { mostRuns: 4, mostRunSeconds: 1e12, leastRunSeconds: 50 * second };
    const groups = await groupForSpark(b.context, b.stage, { limits });
    expect(groups).toMatchObject({ runs: 2, units: 4 });
    const { results } = b.context.world;
    const runs = await all(results.readLines(groups.items ?? ''));
    const lists = await Promise.all(
      runs.map(async (line) => {
        const item = JSON.parse(line) as SparkRunItem;
        const { specifications, run, stage, attempt, group } = item;
        expect([run, stage, attempt, group]).toEqual(['run-1', 'apply', 1, expect.stringMatching(/^g\d$/)]);
        expect(item).toMatchObject({ units: 2, workerType: 'G.1X', workers: 2, timeoutMinutes: 30 });
        expect(line.length).toBeLessThan(1_000);
        return readSavedJson<SparkTaskList>(results, specifications, run);
      }),
    );
    const names = lists.map(({ units }) =>
      units.map(({ specification }) => /\/(u\d)-/.exec(specification)?.[1]),
    );
    expect(names).toEqual([
      ['u0', 'u1'],
      ['u2', 'u3'],
    ]);
    const finish = (await all(results.readLines(groups.finish ?? ''))).map(
      (line) => JSON.parse(line) as FinishItem,
    );
    expect(finish.map(({ unit, group, finish }) => [unit.slice(0, 2), group, finish])).toEqual([
      ['u0', 'g0', true],
      ['u1', 'g0', true],
      ['u2', 'g1', true],
      ['u3', 'g1', true],
    ]);
  });

  it('are none where nothing was compiled', async () => {
    await using b = await bench([{ n: 1, use: 'possible' }]);
    await b.work(0);
    expect(await groupForSpark(b.context, b.stage)).toMatchObject({ runs: 0, units: 0 });
  });
});
