import { expect, test } from 'vitest';
import { spreadingOf } from '../../lib/rollup/plan/spreading.ts';
import { rollupConfig } from './product.ts';
import { threeBatches } from './scenario.ts';

test.each([
  ['DuckDB’s own where no unit can be Spark’s', {}, undefined],
  ['MD5 where every unit is Spark’s', { work: { engine: 'spark' } }, 'md5'],
  ['MD5 where large units are', { work: { sparkAbove: '1 GB' } }, 'md5'],
  ['MD5 where units that are too large for a function may be', { aws: { glue: {} } }, 'md5'],
  ['DuckDB’s own where Spark is ruled out', { work: { engine: 'duckdb' }, aws: { glue: {} } }, undefined],
] as const)('the hash of the series is %s', async (_, document, hash) => {
  const { rules } = threeBatches;
  const config = await rollupConfig({ rules, idType: 'string', timeType: 'bigint', document });
  expect(spreadingOf(config).hash).toBe(hash);
});
