import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addVolumes,
  engineModel,
  heldBytes,
  modelledStages,
  parseEngineModel,
  unitCpuSeconds,
} from '../../lib/engine/engine-model.ts';

const count = fc.nat(1e6);
const volumes = fc.record({ units: count, pieces: count, readEntries: count, writtenEntries: count });
const held = fc.record({ flowingEntries: count, heldEntries: count });
const stages = fc.constantFrom(...modelledStages);

describe('the model of what a unit takes', () => {
  it('is stored as data of a known form', () => {
    const model = engineModel();
    expect(parseEngineModel(JSON.stringify(model))).toEqual(model);
    expect(() => parseEngineModel(JSON.stringify({ ...model, more: 1 }))).toThrow();
    expect(model.spark.byteSeconds).toBeGreaterThan(0);
    expect(Object.keys(model.stages)).toEqual([...modelledStages]);
  });

  it('says of two units together what it says of each', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('duckdb', 'spark'),
        stages,
        volumes,
        volumes,
        (engine, stage, one, other) => {
          const model = engineModel().stages[stage][engine];
          expect(unitCpuSeconds(model, addVolumes([one, other]))).toBeCloseTo(
            unitCpuSeconds(model, one) + unitCpuSeconds(model, other),
            3,
          );
        },
      ),
    );
  });

  it('wants no less memory for more', () => {
    fc.assert(
      fc.property(stages, held, held, (stage, one, more) => {
        const { memory } = engineModel().stages[stage].duckdb;
        const both = {
          flowingEntries: one.flowingEntries + more.flowingEntries,
          heldEntries: one.heldEntries + more.heldEntries,
        };
        expect(heldBytes(memory, both)).toBeGreaterThanOrEqual(heldBytes(memory, one));
      }),
    );
  });
});
