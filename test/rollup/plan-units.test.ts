import { expect, test } from 'vitest';
import { planUnits } from '../../lib/rollup/plan-units.ts';
import { rollupConfig } from './product.ts';
import { threeBatches } from './scenario.ts';

test('a pipeline with quantiles gets units of half as many points', async () => {
  const units = async (quantiles: unknown) => {
    const document = { work: { unitPoints: 1_000_000, threads: 1 }, state: { parts: 64 }, quantiles };
    const { rules } = threeBatches;
    const config = await rollupConfig({ rules, idType: 'string', timeType: 'bigint', document });
    const parts = Array.from({ length: 64 }, (_, part) => [part, 62_500, 0] as const);
    const source = { location: 'a', labels: 'b', parts };
    const common = { parts: 64, batch: 0, watermarkMs: 0, closedBeforeMs: null, closedAfterMs: null };
    const rest = { sources: '', sourcesDigest: '', columns: '' };
    return planUnits({
      config,
      threads: 1,
      sources: [source],
      state: undefined,
      common: { ...common, ...rest },
    }).units.map(({ rows }) => rows);
  };
  expect(await units(null)).toEqual(Array.from({ length: 4 }, () => 1_000_000));
  expect(await units({})).toEqual(Array.from({ length: 8 }, () => 500_000));
});
