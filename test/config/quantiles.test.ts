import { describe, expect, it } from 'vitest';
import { configDigest, parsePipeline } from '../../lib/config/index.ts';
import { quantileColumn } from '../../lib/config/quantiles.ts';

const yaml = `pipeline: metrics
kind: rollup
batches: { start: 2026-01-01T00:00:00Z }
`;

const parsed = async (entry: string) => {
  const config = await parsePipeline(`${yaml}${entry}\n`, 'p.yaml');
  if (config.kind !== 'rollup') throw new TypeError('not a rollup');
  return config;
};
const problem = (entry: string) =>
  parsed(entry).then(
    () => 'nothing',
    (error: Error) => `${error.name}: ${error.message}`,
  );

describe('quantiles in a pipeline file', () => {
  it('are none unless they are asked for, and null says so', async () => {
    expect((await parsed('')).quantiles).toBeNull();
    expect(configDigest(await parsed('quantiles: null'))).toBe(configDigest(await parsed('')));
  });

  it('have defaults', async () => {
    expect((await parsed('quantiles: {}')).quantiles).toEqual({
      relativeAccuracy: 0.01,
      values: [0.5, 0.95, 0.99],
    });
  });

  it.each([
    ['relativeAccuracy: 0.0009', '0.0009 is not allowed; allowed: at least 0.001'],
    ['relativeAccuracy: 0.2', '0.2 is not allowed; allowed: at most 0.1'],
    ['relativeAccuracy: 0.0123456', '0.0123456 is not allowed; allowed: up to six digits after the point'],
    ['values: []', 'at least 1 entries'],
    [`values: [${Array.from({ length: 21 }, (_, at) => at / 100)}]`, 'at most 20 entries'],
    ['values: [1.01]', '1.01 is not allowed; allowed: at most 1'],
    ['values: [-0.5]', '-0.5 is not allowed; allowed: at least 0'],
    ['values: [0.0000001]', 'allowed: up to six digits after the point'],
    ['values: [0.5, 0.9, 0.50]', 'quantiles.values[2]: 0.5 is there already'],
    ['accuracy: 0.01', 'unknown key'],
  ])('refuses %s and says what is allowed', async (entry, said) => {
    const message = await problem(`quantiles: { ${entry} }`);
    expect(message).toMatch(/^ConfigError/);
    expect(message).toContain(said);
  });

  it.each([
    ['labels: [{ name: P99 }]', 'column P99 exists already'],
    ['series: { name: sketch_counts }', 'column sketch_counts exists already'],
  ])('refuses a column that the quantiles have: %s', async (points, said) => {
    expect(await problem(`quantiles: {}\npoints: { ${points} }`)).toContain(said);
    expect(await problem(`points: { ${points} }`)).toBe('nothing');
  });
});

it('a quantile’s column is its per cent', () => {
  expect([0, 1, 0.5, 0.95, 0.999, 0.025, 0.005, 0.000001, 0.1].map(quantileColumn)).toEqual([
    ...['p0', 'p100', 'p50', 'p95', 'p99_9', 'p2_5', 'p0_5', 'p0_0001', 'p10'],
  ]);
});
