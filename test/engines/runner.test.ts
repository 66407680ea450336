import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SparkRunner, SparkUnit } from '../../lib/engine/spark.ts';
import { SparkUnitError } from '../../lib/errors.ts';
import { startRunner } from './runner.ts';

let folder = '';
let runner: SparkRunner & AsyncDisposable;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-runner-'));
  runner = startRunner();
});
afterAll(async () => {
  await runner?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let units = 0;
function run(unit: Partial<SparkUnit>, signal = new AbortController().signal) {
  units += 1;
  return runner.run(
    { formatVersion: 1, inputs: [], statements: [], outputs: [], queries: {}, ...unit },
    { workFolder: `${folder}/unit-${units}`, signal },
  );
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

  it("fails a unit with Spark's own words, leaves no report, and goes on", async () => {
    await expect(run({ statements: ["CACHE TABLE t AS SELECT CAST('x' AS INT) AS n"] })).rejects.toThrow(
      /CAST_INVALID_INPUT/,
    );
    await expect(readFile(`${folder}/unit-${units}/report.json`)).rejects.toThrow(/ENOENT/);
    expect((await run(one)).answers).toEqual({ one: [{ n: 1 }] });
  });

  it('fails by name when its process dies, and starts another for the next unit', async () => {
    const dies = { queries: { gone: "SELECT java_method('java.lang.System', 'exit', 3)" } };
    await expect(run(dies)).rejects.toThrow(SparkUnitError);
    expect((await run(one)).answers).toEqual({ one: [{ n: 1 }] });
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
