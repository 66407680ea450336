import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { SparkUnit } from '../../lib/engine/spark.ts';
import { SparkUnitError } from '../../lib/errors.ts';
import { runUnit, runUnits, sparkRunner } from './runner.ts';

let folder = '';
const runner = sparkRunner();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-runner-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

let units = 0;
function run(unit: Partial<SparkUnit>, signal = new AbortController().signal) {
  units += 1;
  return runUnit(runner, unit, { folder: `${folder}/unit-${units}`, signal });
}
function runAll(list: readonly Partial<SparkUnit>[]) {
  units += 1;
  return runUnits(runner, list, { folder: `${folder}/unit-${units}` });
}
/** The folders of living Spark processes, each of which Spark has put something in. */
async function scratch(): Promise<readonly string[]> {
  const folders = await readdir(inject('spillFolder'));
  for (const name of folders) expect(await readdir(join(inject('spillFolder'), name))).not.toEqual([]);
  return folders;
}
const one = { queries: { one: 'SELECT 1 AS n' } };

describe('the runner of units', () => {
  it('answers questions, each unit in views of its own', async () => {
    const { answers, version } = await run({
      statements: ['CACHE TABLE kept AS SELECT 7 AS n'],
      queries: { kept: 'SELECT n FROM kept', none: 'SELECT 1 AS n WHERE false' },
    });
    expect(answers).toEqual({ kept: [{ n: 7 }], none: [] });
    expect(version).toMatch(/^3\.5\./);
    await expect(run({ queries: { kept: 'SELECT n FROM kept' } })).rejects.toThrow(/TABLE_OR_VIEW_NOT_FOUND/);
  });

  it("says in its report by name and in Spark's own words what a unit failed of, and does the others", async () => {
    const missing = { inputs: [{ view: 'v', paths: [`file://${folder}/gone.parquet`] }] };
    const outcomes = await runAll([
      { statements: ["CACHE TABLE t AS SELECT CAST('x' AS INT) AS n"] },
      one,
      missing,
      { queries: { oom: "SELECT raise_error('java.lang.OutOfMemoryError: Java heap space')" } },
      one,
      {
        queries: {
          own: "SELECT raise_error('java.io.FileNotFoundException: /x/blockmgr-1/0f/shuffle_6_41_0.index')",
        },
      },
    ]);
    expect(outcomes.map((outcome) => outcome?.outcome)).toEqual([
      'failed',
      'done',
      'failed',
      'failed',
      'done',
      'failed',
    ]);
    const errors = outcomes.map((outcome) => (outcome?.outcome === 'failed' ? outcome.error : undefined));
    expect(errors[0]).toMatchObject({ kind: 'other', message: expect.stringMatching(/CAST_INVALID_INPUT/) });
    expect(errors[2]).toMatchObject({
      kind: 'missing-input',
      message: expect.stringMatching(/gone\.parquet/),
    });
    expect(errors[3]?.kind).toBe('out-of-memory');
    // A file that Spark itself had made: the unit's inputs are all there.
    expect(errors[5]).toMatchObject({ kind: 'other', message: expect.stringMatching(/shuffle_6_41_0/) });
  });

  it.each(['plain', 'a b', "it's", 'q?', '[x]', '{x}', '*'])(
    'says that a file is gone whose name is %s: it has no rows only where it is there',
    async (name) => {
      const fields = [{ name: 'id', id: 1, type: 'BIGINT' }];
      const input = { view: 'v', paths: [`file://${folder}/${name}.parquet`], fields };
      const [outcome] = await runAll([{ inputs: [input], queries: { n: 'SELECT count(id) FROM v' } }]);
      expect(outcome).toMatchObject({
        outcome: 'failed',
        error: { kind: 'missing-input', message: expect.stringContaining(`/${name}.parquet`) },
      });
    },
  );

  it('says that a file went away while it was read', async () => {
    const path = `${folder}/shortly`;
    await run({ outputs: [{ kind: 'files', select: 'SELECT id FROM range(9)', path: `file://${path}` }] });
    const [name] = (await readdir(path)).filter((file) => file.endsWith('.parquet'));
    const input = {
      view: 'v',
      paths: [`file://${path}/${name}`],
      fields: [{ name: 'id', id: 1, type: 'BIGINT' }],
    };
    await rm(`${path}/${name}`);
    const [outcome] = await runAll([{ inputs: [input], queries: { n: 'SELECT count(id) FROM v' } }]);
    expect(outcome).toMatchObject({ outcome: 'failed', error: { kind: 'missing-input' } });
  });

  it('fails by name when its process dies, what is done stands, and starts another for the next units', async () => {
    const dies = { queries: { gone: "SELECT java_method('java.lang.System', 'exit', 3)" } };
    await run(one);
    const before = await scratch();
    await expect(runAll([one, dies, one])).rejects.toThrow(SparkUnitError);
    expect(await readdir(`${folder}/unit-${units}`)).toContain('0.report.json');
    expect(await readdir(`${folder}/unit-${units}`)).not.toContain('2.report.json');
    expect((await run(one)).answers).toEqual({ one: [{ n: 1 }] });
    // What it spilled went with it.
    const after = await scratch();
    expect([before.length, after.length]).toEqual([1, 1]);
    expect(after).not.toEqual(before);
  });

  it('ends with an aborted run and starts anew for the next', async () => {
    const controller = new AbortController();
    const slow = { queries: { slow: 'SELECT count(*) FROM range(1000000) a CROSS JOIN range(1000000) b' } };
    const running = run(slow, controller.signal);
    setTimeout(() => controller.abort(new Error('stopped')), 2_000);
    await expect(running).rejects.toThrow('stopped');
    expect((await run(one)).answers).toEqual({ one: [{ n: 1 }] });
  });
});
