import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routeUnit, type UnitNeeds, type UnitRoom } from '../../lib/run/engines/route-unit.ts';

const room: UnitRoom = { memoryBytes: 1e9, seconds: 600, diskBytes: 6e9 };
const small: UnitNeeds = { bytes: 1e8, piece: 'a cell', memoryBytes: 1e8, pieceSeconds: 10, diskBytes: 1e8 };
const auto = { engine: 'auto' } as const;

const amount = fc.double({ min: 0, max: 1e12, noNaN: true });
const needs = fc.record({
  bytes: amount,
  piece: fc.constant('a cell'),
  memoryBytes: amount,
  pieceSeconds: amount,
  diskBytes: amount,
});
const rooms = fc.record({ memoryBytes: amount, seconds: amount, diskBytes: amount });

describe('the engine of a unit', () => {
  it('is DuckDB where the unit fits, and Spark where memory, time or disk do not do, with the figures', () => {
    expect(routeUnit(auto, small, room)).toMatchObject({ engine: 'duckdb', cause: 'fits' });
    expect(routeUnit(auto, { ...small, memoryBytes: 5.1e9 }, room)).toEqual({
      engine: 'spark',
      cause: 'memory',
      reason: 'a cell takes 5,100 MB of memory, a unit has 1,000 MB',
    });
    expect(routeUnit(auto, { ...small, pieceSeconds: 601 }, room)).toMatchObject({ cause: 'time' });
    expect(routeUnit(auto, { ...small, diskBytes: 7e9 }, room)).toMatchObject({ cause: 'disk' });
  });

  it('is what the configuration says, whatever fits', () => {
    fc.assert(
      fc.property(fc.constantFrom('duckdb', 'spark'), needs, rooms, (engine, wanted, given) => {
        expect(routeUnit({ engine, sparkAbove: '1 GB' }, wanted, given).engine).toBe(engine);
      }),
    );
  });

  it('goes by bytes alone once work.sparkAbove is set', () => {
    fc.assert(
      fc.property(needs, rooms, (wanted, given) => {
        const { engine } = routeUnit({ engine: 'auto', sparkAbove: '1 GB' }, wanted, given);
        expect(engine === 'spark').toBe(wanted.bytes > 1e9);
      }),
    );
  });

  it('is never Spark where there is none', () => {
    fc.assert(
      fc.property(needs, (wanted) => {
        expect(routeUnit(auto, wanted, undefined).engine).toBe('duckdb');
      }),
    );
  });

  it('does not go back to DuckDB when a unit wants more or there is less room', () => {
    fc.assert(
      fc.property(needs, rooms, fc.double({ min: 1, max: 100, noNaN: true }), (wanted, given, factor) => {
        if (routeUnit(auto, wanted, given).engine === 'duckdb') return;
        const more = {
          ...wanted,
          bytes: wanted.bytes * factor,
          memoryBytes: wanted.memoryBytes * factor,
          pieceSeconds: wanted.pieceSeconds * factor,
          diskBytes: wanted.diskBytes * factor,
        };
        const less = {
          memoryBytes: given.memoryBytes / factor,
          seconds: given.seconds / factor,
          diskBytes: given.diskBytes / factor,
        };
        expect(routeUnit(auto, more, given).engine).toBe('spark');
        expect(routeUnit(auto, wanted, less).engine).toBe('spark');
      }),
    );
  });
});
