import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../lib/config/index.ts';
import { parseByteSize, parseDurationMs } from '../../lib/config/sizes.ts';
import { ConfigError } from '../../lib/errors.ts';

const pipeline = (derived: string, type = 'string') =>
  parsePipeline(
    `{pipeline: p, kind: summary, key: id, month: month, version: ver, history: [{name: a}], columns: [{name: id, type: bigint}, {name: month, type: month}, {name: ver, type: int}, {name: a, type: int}, {name: s, type: string}, {name: d, type: date}], transformations: [{column: a, sql: a + 1}], derived: [{name: x, type: '${type}', sql: ${JSON.stringify(derived)}}]}`,
    'p.yaml',
  );

describe('an expression that both engines read alike', () => {
  const good: readonly (readonly [string, string])[] = [
    ["CASE WHEN a IN (1, 2) OR s LIKE 'x%' THEN upper(s) ELSE coalesce(s, '999') END", 'string'],
    ["s || '-' || CAST(a AS STRING)", 'string'],
    ['year(d) * 12 + month(d)', 'int'],
    ["a BETWEEN 1 AND 5 AND NOT (s IS NULL) AND d > DATE '2020-01-01'", 'boolean'],
    ['TRY_CAST(s AS DECIMAL(10,2))', 'decimal(10,2)'],
    ["'it''s; -- no comment /* none */ \"'", 'string'],
    ['if(a > 1, greatest(a, 2), nullif(a, 0))', 'int'],
    ['a IS DISTINCT FROM 3', 'boolean'],
    ['-a % 3', 'int'],
  ];
  it.each(good)('%s', async (sql, type) => {
    await expect(pipeline(sql, type)).resolves.toMatchObject({ derived: [{ sql }] });
  });
});

describe('an expression is refused', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['upper(z)', /there is no column z; allowed: id, month, ver, a, s, d/],
    ['s + ', /syntax error/],
    ['uper(s)', /function uper is not allowed; did you mean upper\?; allowed: abs/],
    ['(SELECT 1)', /subqueries are not allowed/],
    ["(SELECT content FROM read_text('/etc/passwd'))", /subqueries are not allowed/],
    ['s IN (SELECT s)', /subqueries are not allowed/],
    ['1 FROM range(3)', /must be one expression/],
    ['1 WHERE true', /must be one expression/],
    ['1; DROP TABLE x', /; is not allowed/],
    ['1 AS y', /must be one expression/],
    ['1, 2', /must be one expression/],
    ['1) , (2', /syntax error/],
    ['*', /star expressions are not allowed/],
    ['sum(a)', /function sum is not allowed/],
    ['count(*)', /function count_star is not allowed|function count is not allowed/],
    ['row_number() OVER ()', /window functions are not allowed/],
    ['random()', /function random is not allowed/],
    ['now()', /function now is not allowed/],
    ['current_timestamp', /there is no column current_timestamp/],
    ["getenv('HOME')", /function getenv is not allowed/],
    ["nextval('s')", /function nextval is not allowed/],
    ['concat(s, s)', /function concat is not allowed/],
    ['"s"', /double quotes are names in DuckDB and text in Spark/],
    ["'a\\b'", /backslash/],
    ['s -- comment', /comments are not allowed/],
    ['s /* comment */', /comments are not allowed/],
    ['a // 2', /operator \/\/ is not shared/],
    ['CAST(s AS HUGEINT)', /CAST to HUGEINT is not shared/],
    ['CAST(s AS UUID)', /CAST to UUID is not shared/],
    ['d + INTERVAL 1 DAY', /not allowed|not shared/],
    ['list_value(a)', /function list_value is not allowed/],
    ['main.upper(s)', /without a table or a schema/],
    ['length(d)', /No function matches|Binder Error/],
    ['day', /there is no column day/],
    ['t.s', /without a table or a schema/],
    ["{'a': 1}", /\{ is not allowed/],
    ['a[1]', /\[ is not allowed/],
    ['$1', /\$ is not allowed/],
    ["E'x'", /letter before a text literal/],
    ['s COLLATE nocase', /collate expressions are not allowed/],
    ["'unclosed", /not closed/],
  ];
  it.each(bad)('%s', async (sql, message) => {
    const error = await pipeline(sql).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toMatch(message);
    expect(String(error)).toMatch(/derived\[0\]\.sql: /);
    expect(String(error)).toContain(`in: ${sql}`);
  });
});

describe('sizes and durations', () => {
  it('are decimal bytes and milliseconds', () => {
    expect([parseByteSize('1 KB'), parseByteSize('1.5GB'), parseByteSize('2 TB')]).toEqual([
      1_000, 1.5e9, 2e12,
    ]);
    expect([parseDurationMs('5ms'), parseDurationMs('2m'), parseDurationMs('7d')]).toEqual([
      5, 120_000, 604_800_000,
    ]);
    expect(() => parseByteSize('1 XB')).toThrow(TypeError);
  });
});
