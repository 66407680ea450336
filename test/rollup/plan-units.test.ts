import { expect, test } from 'vitest';
import { planUnits } from '../../lib/rollup/plan/units.ts';
import type { RollupSpec } from '../../lib/rollup/types.ts';
import type { UnitRoom } from '../../lib/run/engines/route-unit.ts';
import { rollupConfig } from './product.ts';
import { threeBatches } from './scenario.ts';

/** The units of four million points of 4 MB, in 64 parts. */
async function planned(work: Readonly<Record<string, unknown>>, quantiles: unknown = null, room?: UnitRoom) {
  const document = { work: { threads: 1, ...work }, state: { parts: 64 }, quantiles };
  const { rules } = threeBatches;
  const config = await rollupConfig({ rules, idType: 'string', timeType: 'bigint', document });
  const parts = Array.from({ length: 64 }, (_, part) => [part, 62_500, 0] as const);
  const source = { location: 'a', labels: 'b', sizeBytes: 4e6, parts };
  const common = { parts: 64, batch: 0, watermarkMs: 0, closedBeforeMs: null, closedAfterMs: null };
  const rest = { sources: '', sourcesDigest: '', columns: '' };
  const options = { config, threads: 1, sources: [source], state: undefined, room };
  return planUnits({ ...options, common: { ...common, ...rest } }).units;
}

test('a pipeline with quantiles gets units of half as many points', async () => {
  const rows = async (quantiles: unknown) =>
    (await planned({ unitPoints: 1_000_000 }, quantiles)).map((unit) => unit.rows);
  expect(await rows(null)).toEqual(Array.from({ length: 4 }, () => 1_000_000));
  expect(await rows({})).toEqual(Array.from({ length: 8 }, () => 500_000));
});

test('a unit is Spark’s when the pipeline says so, or when its share of the files is larger than work.sparkAbove', async () => {
  const engines = async (work: Readonly<Record<string, unknown>>) =>
    (await planned({ unitPoints: 2_000_000, ...work })).map(
      ({ specification }) => (specification as RollupSpec).engine ?? 'duckdb',
    );
  expect(await engines({})).toEqual(['duckdb', 'duckdb']);
  expect(await engines({ engine: 'spark' })).toEqual(['spark', 'spark']);
  expect(await engines({ sparkAbove: '1.9 MB' })).toEqual(['spark', 'spark']);
  expect(await engines({ sparkAbove: '2 MB' })).toEqual(['duckdb', 'duckdb']);
  expect(await engines({ engine: 'duckdb', sparkAbove: '1.9 MB' })).toEqual(['duckdb', 'duckdb']);
});

test('a unit is Spark’s when a function has not the time or the disk for it, and never for its memory, since it spills', async () => {
  const room: UnitRoom = { memoryBytes: 1e9, seconds: 450, diskBytes: 4e9 };
  const engines = async (change: Partial<UnitRoom>, work: Readonly<Record<string, unknown>> = {}) =>
    (await planned({ unitPoints: 2_000_000, ...work }, null, { ...room, ...change })).map(
      ({ specification }) => (specification as RollupSpec).engine ?? 'duckdb',
    );
  expect(await engines({})).toEqual(['duckdb', 'duckdb']);
  expect(await engines({ seconds: 0.01 })).toEqual(['spark', 'spark']);
  expect(await engines({ diskBytes: 1e6 })).toEqual(['spark', 'spark']);
  expect(await engines({ memoryBytes: 1 })).toEqual(['duckdb', 'duckdb']);
  expect(await engines({ seconds: 0.01 }, { engine: 'duckdb' })).toEqual(['duckdb', 'duckdb']);
});
