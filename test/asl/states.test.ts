import { describe, expect, it } from 'vitest';
import { definitionOf, outputOf, run, virtualTime } from './support.ts';

describe('Choice', () => {
  const to = (name: string) => ({
    Type: 'Pass',
    Output: `{% {'state': '${name}', 'in': $states.input, 'x': $exists($x) ? $x : 0} %}`,
    End: true,
  });
  const choose = (choice: object, input: number) =>
    run(definitionOf({ C: { Type: 'Choice', ...choice }, A: to('A'), B: to('B') }), { input });
  const rules = [
    { Condition: '{% $states.input > 10 %}', Next: 'A', Assign: { x: 1 }, Output: 'big' },
    { Condition: '{% $states.input > 5 %}', Next: 'B' },
  ];

  it('takes the first rule that holds, with its Assign and Output', async () => {
    expect((await choose({ Choices: rules }, 11)).output).toEqual({ state: 'A', in: 'big', x: 1 });
    expect((await choose({ Choices: rules }, 6)).output).toEqual({ state: 'B', in: 6, x: 0 });
  });

  it('uses the Assign and Output of the state with Default only', async () => {
    const choice = { Choices: rules, Default: 'B', Assign: { x: 2 }, Output: 'small' };
    expect((await choose(choice, 1)).output).toEqual({ state: 'B', in: 'small', x: 2 });
    expect((await choose(choice, 6)).output).toEqual({ state: 'B', in: 6, x: 0 });
  });

  it('accepts a constant condition', async () => {
    expect(
      (await choose({ Choices: [{ Condition: true, Next: 'A' }], Default: 'B' }, 1)).output,
    ).toMatchObject({ state: 'A' });
  });

  it('fails with States.NoChoiceMatched without a Default', async () => {
    expect(await choose({ Choices: rules }, 1)).toMatchObject({
      status: 'FAILED',
      error: 'States.NoChoiceMatched',
    });
  });

  it('fails when a condition gives no boolean', async () => {
    const choice = { Choices: [{ Condition: '{% $states.input %}', Next: 'A' }], Default: 'B' };
    expect(await choose(choice, 1)).toMatchObject({ error: 'States.QueryEvaluationError' });
  });
});

describe('Pass', () => {
  it('gives on its Output and assigns', async () => {
    const definition = definitionOf({
      P: { Type: 'Pass', Output: { a: 1 }, Assign: { x: 2 }, Next: 'Q' },
      Q: { Type: 'Pass', Output: '{% [$states.input.a, $x] %}', End: true },
    });
    expect(await outputOf(definition)).toEqual([1, 2]);
  });
});

describe('Wait', () => {
  const wait = (fields: object) => definitionOf({ W: { Type: 'Wait', ...fields, End: true } });
  const cases: readonly (readonly [string, object, number[]])[] = [
    ['Seconds', { Seconds: 30 }, [30_000]],
    ['Seconds by expression', { Seconds: '{% $states.input.s * 2 %}' }, [8_000]],
    ['Seconds 0', { Seconds: 0 }, []],
    ['Timestamp', { Timestamp: '2026-01-01T00:01:00Z' }, [60_000]],
    ['Timestamp with an offset', { Timestamp: '2026-01-01T01:00:30+01:00' }, [30_000]],
    ['Timestamp by expression', { Timestamp: '{% $states.input.t %}' }, [1_500]],
    ['a Timestamp in the past', { Timestamp: '2020-01-01T00:00:00Z' }, []],
  ];
  it.each(cases)('waits by %s', async (_, fields, sleeps) => {
    const time = virtualTime();
    const input = { s: 4, t: '2026-01-01T00:00:01.5Z' };
    expect(await outputOf(wait(fields), { input, ...time })).toEqual(input);
    expect(time.sleeps).toEqual(sleeps);
  });

  it('assigns and gives an Output afterwards', async () => {
    const definition = definitionOf({
      W: { Type: 'Wait', Seconds: 1, Assign: { x: 1 }, Output: 'waited', Next: 'S' },
      S: { Type: 'Succeed', Output: '{% [$states.input, $x] %}' },
    });
    expect(await outputOf(definition)).toEqual(['waited', 1]);
  });

  it.each([
    ['Seconds', { Seconds: "{% 'soon' %}" }],
    ['Seconds', { Seconds: '{% -1 %}' }],
    ['Timestamp', { Timestamp: "{% '2026-01-01' %}" }],
  ])('fails when the expression gives no %s', async (field, fields) => {
    const result = await run(wait(fields));
    expect(result).toMatchObject({ error: 'States.QueryEvaluationError' });
    expect(result.cause).toContain(`'${field}'`);
  });
});

describe('Succeed', () => {
  it('ends the execution with its input, or its Output', async () => {
    expect(await outputOf(definitionOf({ S: { Type: 'Succeed' } }), { input: 1 })).toBe(1);
    expect(await outputOf(definitionOf({ S: { Type: 'Succeed', Output: 2 } }), { input: 1 })).toBe(2);
  });
});

describe('Fail', () => {
  it('fails with its error and cause, constant or by expression', async () => {
    const constant = definitionOf({ F: { Type: 'Fail', Error: 'Mine', Cause: 'because' } });
    expect(await run(constant)).toMatchObject({ status: 'FAILED', error: 'Mine', cause: 'because' });
    const computed = definitionOf({
      F: { Type: 'Fail', Error: '{% $states.input.e %}', Cause: "{% 'c' & 1 %}" },
    });
    expect(await run(computed, { input: { e: 'E' } })).toMatchObject({ error: 'E', cause: 'c1' });
  });

  it('may have neither', async () => {
    expect(await run(definitionOf({ F: { Type: 'Fail' } }))).toMatchObject({
      status: 'FAILED',
      error: undefined,
      cause: undefined,
    });
  });

  it('fails with an evaluation error when its error is no text', async () => {
    expect(await run(definitionOf({ F: { Type: 'Fail', Error: '{% 1 %}' } }))).toMatchObject({
      error: 'States.QueryEvaluationError',
    });
  });
});
