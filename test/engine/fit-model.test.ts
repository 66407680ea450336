import { expect, it } from 'vitest';
import type { EngineUnit } from '../../bench/engine-measurements.ts';
import { readMeasurements } from '../../bench/engine-measurements.ts';
import { fitModel } from '../../bench/fit-model.ts';
import { engineModel, heldBytes, type ModelledStage, unitCpuSeconds } from '../../lib/engine/engine-model.ts';

const cpu = { unitSeconds: 0.5, pieceSeconds: 0.25, readSeconds: 0.02, writtenSeconds: 0.08 };
const memory = { baseBytes: 2e8, flowingEntryBytes: 40, heldEntryBytes: 60 };

function unit(engine: EngineUnit['engine'], stage: ModelledStage, at: number): EngineUnit {
  const volume = {
    units: 1,
    pieces: 1 + (at % 7),
    readEntries: 1e6 * (1 + ((at * 13) % 50)),
    writtenEntries: 1e6 * ((at * 5) % 11),
  };
  const held = { flowingEntries: 1e5 * (at % 5), heldEntries: 1e6 * ((at * 3) % 13) };
  const first = at === 0;
  return {
    scenario: `s${at % 4}`,
    engine,
    stage,
    first,
    bytes: 1e6,
    volume,
    held,
    wallSeconds: 1,
    cpuSeconds: unitCpuSeconds({ cpu }, volume) + (engine === 'spark' && first ? 20 : 0),
    peakBytes: memory.baseBytes + heldBytes(memory, held),
  };
}

it('the fit finds the numbers that measurements were made with, for each stage and engine', () => {
  const units = (['duckdb', 'spark'] as const).flatMap((engine) =>
    (['resolve', 'apply', 'rollup'] as const).flatMap((stage) =>
      Array.from({ length: 24 }, (_, at) => unit(engine, stage, at)),
    ),
  );
  const model = fitModel({ units, sparkStarts: [{ wallSeconds: 5, cpuSeconds: 4 }] });
  for (const { duckdb, spark } of Object.values(model.stages)) {
    // Constants are taken a little too large in place of slopes.
    for (const found of [duckdb.cpu, spark.cpu])
      for (const name of Object.keys(cpu) as (keyof typeof cpu)[])
        expect(Math.abs(found[name] / cpu[name] - 1)).toBeLessThan(0.2);
    expect(spark.warmUpSeconds).toBeCloseTo(20, 0);
    expect(duckdb.memory.heldEntryBytes / memory.heldEntryBytes).toBeCloseTo(1, 1);
    expect(duckdb.memory.flowingEntryBytes / memory.flowingEntryBytes).toBeCloseTo(1, 1);
  }
  expect(model.spark.startSeconds).toBe(4);
});

it('the stored model is that of the stored measurements', async () => {
  expect(fitModel(await readMeasurements())).toEqual(engineModel());
});
