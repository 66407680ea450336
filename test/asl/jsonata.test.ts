import { describe, expect, it } from 'vitest';
import { definitionOf, evaluated, outputOf, run } from './support.ts';

async function value(expression: string, input?: Parameters<typeof evaluated>[1]): Promise<unknown> {
  const result = await evaluated(expression, input);
  if (result.status !== 'SUCCEEDED') throw new Error(`${result.error}: ${result.cause}`);
  return result.output;
}

describe('the functions that the service adds', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['$partition([1,2,3,4,5], 2)', [[1, 2], [3, 4], [5]]],
    ['$partition([1,2], 5)', [[1, 2]]],
    ['$range(0, 10, 5)', [0, 5, 10]],
    ['$range(3, 1, -1)', [3, 2, 1]],
    ['$range(1, 0, 1)', []],
    ["$hash('input', 'MD5')", 'a43c1b0aa53a0c908810c06ab1ff3967'],
    ["$hash('', 'SHA-1')", 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ["$hash('', 'SHA-256')", 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ["$length($hash('', 'SHA-384'))", 96],
    ["$length($hash('', 'SHA-512'))", 128],
    ['$parse(\'{"a": [1]}\')', { a: [1] }],
    ['$random(7) = $random(7)', true],
    ['$random(7) = $random(8)', false],
    ['$random() >= 0 and $random() < 1', true],
    [
      '$match($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/).match != null',
      true,
    ],
    ['$uuid() = $uuid()', false],
    ['$now()', '2026-01-01T00:00:00.000Z'],
    ["$now('[Y]')", '2026'],
    ['$millis()', 1_767_225_600_000],
  ];
  it.each(cases)('%s', async (expression, expected) => {
    expect(await value(expression)).toEqual(expected);
  });

  it.each([
    ['$range(1, 5000, 1)', /limit is 1000/],
    ['$range(1, 5, 0)', /step/],
    ["$hash('a', 'CRC')", /CRC/],
    ["$parse('{')", /JSON/],
    ['$partition([1], 0)', /positive/],
  ] as const)('%s is an evaluation error', async (expression, reason) => {
    const result = await evaluated(expression);
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
    expect(result.cause).toMatch(reason);
  });

  it('take their randomness from the execution: the same source gives the same ids', async () => {
    const definition = definitionOf({ P: { Type: 'Pass', Output: '{% $uuid() %}', End: true } });
    expect(await outputOf(definition)).toBe(await outputOf(definition));
  });
});

describe('results', () => {
  it.each([
    ['nothing', '$states.input.missing'],
    ['an unknown variable', '$nobody'],
    ['a function', 'function($x) { $x }'],
    ['a type error', "1 + 'a'"],
    ['endless recursion', '($f := function($n) { 1 + $f($n + 1) }; $f(0))'],
    ['a division by zero', '1 / 0'],
    ['what only a catch has', '$states.errorOutput'],
  ])('%s is an evaluation error that names the field', async (_, expression) => {
    const result = await evaluated(expression);
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
    expect(result.cause).toContain('$.States.P.Output');
  });

  it('leaves members without a value out of an object made by an expression', async () => {
    expect(await value("{'a': $states.input.missing, 'b': 1}")).toEqual({ b: 1 });
  });

  it('fails when a member of a template has no value', async () => {
    const result = await run(
      definitionOf({ P: { Type: 'Pass', Output: { a: '{% $states.input.missing %}' }, End: true } }),
    );
    expect(result.error).toBe('States.QueryEvaluationError');
  });

  it('keeps an array of one an array, and null null', async () => {
    expect(await value('$states.input.a', { a: [1] })).toEqual([1]);
    expect(await value('$states.input.a', { a: null })).toBe(null);
  });

  it('unpacks a filter that leaves one element, as JSONata does', async () => {
    expect(await value('$states.input.a[$ > 1]', { a: [1, 2] })).toBe(2);
    expect(await value('$states.input.a[$ > 1][]', { a: [1, 2] })).toEqual([2]);
  });
});

describe('templates', () => {
  it('evaluate expressions at any depth and leave other text alone', async () => {
    const Output = {
      list: ['{% 1 + 1 %}', ' {% 1 %}', { deep: '{% $states.input.a %}' }],
      text: '$states.input',
      flag: true,
    };
    expect(
      await outputOf(definitionOf({ P: { Type: 'Pass', Output, End: true } }), { input: { a: 'x' } }),
    ).toEqual({
      list: [2, ' {% 1 %}', { deep: 'x' }],
      text: '$states.input',
      flag: true,
    });
  });

  it('cannot be used to change the input', async () => {
    const definition = definitionOf({
      P: {
        Type: 'Pass',
        Output: "{% $states.input ~> |a|{'b': 2}| %}",
        Assign: { before: '{% $states.input %}' },
        Next: 'Q',
      },
      Q: { Type: 'Pass', Output: '{% [$states.input.a.b, $before.a.b] %}', End: true },
    });
    expect(await outputOf(definition, { input: { a: { b: 1 } } })).toEqual([2, 1]);
  });
});
