import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cellMemoryBytes,
  engineModel,
  parseEngineModel,
  unitCpuSeconds,
} from '../../lib/engine/engine-model.ts';

const count = fc.nat(1e6);
const cells = fc.record({ entries: count, changedRows: count, writtenRows: count });
const volumes = fc.record({ units: count, cells: count, readEntries: count, writtenEntries: count });

describe('the model of what a unit takes', () => {
  it('is stored as data of a known form', () => {
    const model = engineModel();
    expect(parseEngineModel(JSON.stringify(model))).toEqual(model);
    expect(() => parseEngineModel(JSON.stringify({ ...model, more: 1 }))).toThrow();
    expect(model.spark.byteSeconds).toBeGreaterThan(0);
    expect(model.duckdb.memory.baseBytes).toBeGreaterThan(0);
  });

  it('says of two units together what it says of each', () => {
    fc.assert(
      fc.property(fc.constantFrom('duckdb', 'spark'), volumes, volumes, (engine, one, other) => {
        const both = {
          units: one.units + other.units,
          cells: one.cells + other.cells,
          readEntries: one.readEntries + other.readEntries,
          writtenEntries: one.writtenEntries + other.writtenEntries,
        };
        const model = engineModel()[engine];
        expect(unitCpuSeconds(model, both)).toBeCloseTo(
          unitCpuSeconds(model, one) + unitCpuSeconds(model, other),
          3,
        );
      }),
    );
  });

  it('wants no less memory for more', () => {
    fc.assert(
      fc.property(cells, cells, (one, more) => {
        const model = engineModel();
        const both = {
          entries: one.entries + more.entries,
          changedRows: one.changedRows + more.changedRows,
          writtenRows: one.writtenRows + more.writtenRows,
        };
        expect(cellMemoryBytes(model, both)).toBeGreaterThanOrEqual(cellMemoryBytes(model, one));
      }),
    );
  });
});
