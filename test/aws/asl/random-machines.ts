import fc from 'fast-check';
import { call, type Definition, definitionOf } from '../../asl/support.ts';
import type { Behaviour, MachineCase } from './both-interpreters.ts';

/**
 * Machines whose states go forward only, so that each ends. Four variables, one of each type, are set first: n, s, l and o.
 * What is known to differ is left out: null,`$` in predicates, and an output that looks at a variable of its own state's Assign.
 */

type Type = 'n' | 's' | 'l' | 'o';
const types = ['n', 's', 'l', 'o'] as const;

const literal = fc.oneof(fc.integer({ min: -3, max: 9 }).map(String), fc.constant('100'));
const word = fc.constantFrom("'a'", "'Bc'", "''", "'d e'");

/** JSONata of a type, over some of the variables. */
function expression(type: Type, known: readonly Type[], depth = 2): fc.Arbitrary<string> {
  const inner = (of: Type) => expression(of, known, depth - 1);
  const own = known.includes(type) ? [fc.constant(`$${type}`)] : [];
  const flat: Readonly<Record<Type, fc.Arbitrary<string>>> = {
    n: literal,
    s: word,
    l: fc.array(literal, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    o: literal.map((n) => `{'k': ${n}}`),
  };
  if (depth === 0) return fc.oneof(flat[type], ...own);
  const deep: Readonly<Record<Type, readonly fc.Arbitrary<string>[]>> = {
    n: [
      fc.tuple(inner('n'), fc.constantFrom('+', '-', '*'), inner('n')).map(([a, o, b]) => `(${a} ${o} ${b})`),
      inner('l').map((l) => `$count(${l})`),
      inner('l').map((l) => `$sum(${l})`),
      inner('s').map((s) => `$length(${s})`),
    ],
    s: [
      fc.tuple(inner('s'), inner('s')).map(([a, b]) => `(${a} & ${b})`),
      inner('n').map((n) => `$string(${n})`),
      inner('s').map((s) => `$uppercase(${s})`),
      inner('l').map((l) => `$join([${l}].$string(), '-')`),
    ],
    l: [
      fc.tuple(inner('l'), inner('n')).map(([l, n]) => `$append(${l}, [${n}])`),
      fc.tuple(inner('l'), inner('n')).map(([l, n]) => `[$filter(${l}, function($v) { $v > ${n} })]`),
      inner('l').map((l) => `[$map(${l}, function($v) { $v + 1 })]`),
    ],
    o: [
      fc.tuple(inner('o'), inner('n')).map(([o, n]) => `$merge([${o}, {'m': ${n}}])`),
      fc.tuple(inner('s'), inner('l')).map(([s, l]) => `{'s': ${s}, 'l': ${l}, 'none': $states.input.none}`),
    ],
  };
  return fc.oneof(flat[type], ...own, ...deep[type]);
}

const any = (known: readonly Type[]) => fc.constantFrom(...types).chain((type) => expression(type, known));
const braced = (text: string) => `{% ${text} %}`;

/** A state without its transitions, and the functions that it calls. */
interface Part {
  readonly state: Definition;
  readonly functions?: Readonly<Record<string, readonly Behaviour[]>>;
  readonly concurrent?: boolean;
  /** Where its Catch and its rules go, in states from here; `Next` is one state on. */
  readonly caught?: number;
  readonly chosen?: number;
}

/** Assign of one variable and an Output that does not look at it; each may be missing. */
const effects = fc
  .constantFrom(...types, undefined)
  .chain((assigned) =>
    fc.record({
      assign:
        assigned === undefined
          ? fc.constant({})
          : expression(assigned, types).map((e) => ({ Assign: { [assigned]: braced(e) } })),
      output: fc.oneof(
        fc.constant({}),
        any(types.filter((type) => type !== assigned)).map((e) => ({ Output: { value: braced(e) } })),
      ),
    }),
  )
  .map(({ assign, output }) => ({ ...assign, ...output }));

const ahead = fc.integer({ min: 1, max: 3 });
const errors = fc.constantFrom('E1', 'E2');
const retriers = fc.array(
  fc.record({
    ErrorEquals: fc.constantFrom(['E1'], ['E2'], ['E1', 'E2'], ['States.TaskFailed']),
    IntervalSeconds: fc.integer({ min: 1, max: 5 }),
    MaxAttempts: fc.integer({ min: 0, max: 2 }),
    BackoffRate: fc.constantFrom(1, 1.5, 2),
  }),
  { maxLength: 2 },
);
const behaviours: fc.Arbitrary<readonly Behaviour[]> = fc
  .array(errors, { maxLength: 3 })
  .map((failures) => [...failures.map((error) => ({ error })), 'echo'] as const);

const passing: fc.Arbitrary<Part> = effects.map((more) => ({ state: { Type: 'Pass', ...more } }));
const waiting: fc.Arbitrary<Part> = fc
  .tuple(fc.integer({ min: 0, max: 90 }), effects)
  .map(([Seconds, more]) => ({ state: { Type: 'Wait', Seconds, ...more } }));
const choosing: fc.Arbitrary<Part> = fc
  .record({
    left: expression('n', types),
    operator: fc.constantFrom('<', '=', '>=', '!='),
    right: expression('n', types),
    chosen: ahead,
    more: effects,
  })
  .map(({ left, operator, right, chosen, more }) => ({
    state: { Type: 'Choice', Choices: [{ Condition: braced(`${left} ${operator} ${right}`), ...more }] },
    chosen,
  }));

const calling = (name: string, done: fc.Arbitrary<readonly Behaviour[]>): fc.Arbitrary<Part> =>
  fc
    .record({
      payload: expression('o', types),
      more: effects,
      behaviour: done,
      Retry: retriers,
      catches: fc.option(fc.constantFrom(['States.ALL'], ['E1'])),
      caught: ahead,
    })
    .map(({ payload, more, behaviour, Retry, catches, caught }) => ({
      state: call(name, {
        Arguments: { FunctionName: name, Payload: braced(payload) },
        Output: braced('$states.result.Payload'),
        Next: '',
        ...more,
        Retry,
        ...(catches === null ? {} : { Catch: [{ ErrorEquals: catches }] }),
      }),
      functions: { [name]: behaviour },
      caught,
    }));

const alone = (state: Definition): Definition => {
  const { Next: _none, ...ending } = state;
  return { ...ending, End: true };
};
/** A task in a child: its payload is the child's input, and it may only read the variables of outside. */
const child = (name: string): Definition => alone(call(name));

const branching = (name: string): fc.Arbitrary<Part> =>
  fc.tuple(any(types), effects).map(([output, more]) => ({
    state: {
      Type: 'Parallel',
      Branches: [
        { StartAt: `${name}L`, States: { [`${name}L`]: child(name) } },
        {
          StartAt: `${name}R`,
          States: { [`${name}R`]: { Type: 'Pass', Output: { value: braced(output) }, End: true } },
        },
      ],
      ...more,
    },
    functions: { [name]: ['echo'] },
    concurrent: true,
  }));

const mapping = (name: string): fc.Arbitrary<Part> =>
  fc
    .record({
      items: expression('l', types),
      selected: any(types),
      distributed: fc.boolean(),
      behaviour: behaviours,
      Retry: retriers,
      more: effects,
    })
    .map(({ items, selected, distributed, behaviour, Retry, more }) => ({
      state: {
        Type: 'Map',
        Items: braced(items),
        MaxConcurrency: distributed ? 3 : 1,
        ItemSelector: {
          item: braced('$states.context.Map.Item.Value'),
          index: braced('$states.context.Map.Item.Index'),
          more: braced(selected),
        },
        ItemProcessor: {
          ProcessorConfig: distributed
            ? { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }
            : { Mode: 'INLINE' },
          StartAt: `${name}U`,
          States: { [`${name}U`]: { ...child(name), ...(distributed ? {} : { Retry }) } },
        },
        ...more,
      },
      functions: { [name]: distributed ? ['echo'] : behaviour },
      concurrent: distributed,
    }));

const last: fc.Arbitrary<Part> = fc.oneof(
  fc.constant({ state: { Type: 'Succeed' } }),
  any(types).map((output) => ({ state: { Type: 'Succeed', Output: { value: braced(output) } } })),
  expression('s', types).map((cause) => ({ state: { Type: 'Fail', Error: 'Ended', Cause: braced(cause) } })),
);

export const randomMachine: fc.Arbitrary<MachineCase> = fc
  .integer({ min: 1, max: 6 })
  .chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, index) =>
        fc.oneof(
          passing,
          waiting,
          choosing,
          calling(`f${index}`, behaviours),
          branching(`f${index}`),
          mapping(`f${index}`),
        ),
      ),
      last,
    ),
  )
  .map(assemble);

function assemble(parts: readonly Part[]): MachineCase {
  const nameOf = (index: number) => `S${Math.min(index, parts.length - 1)}`;
  const states: Record<string, Definition> = {
    Start: {
      Type: 'Pass',
      Assign: { n: 3, s: 'x', l: [1, 2, 3], o: { k: 1 } },
      Next: nameOf(0),
    },
  };
  for (const [index, { state, caught = 1, chosen = 1 }] of parts.entries()) {
    const { Next: _none, Choices: rules, Catch: catchers, ...rest } = state;
    const next = nameOf(index + 1);
    const goes = index === parts.length - 1 ? {} : rules === undefined ? { Next: next } : { Default: next };
    const to = (list: unknown, target: number) =>
      (list as readonly Definition[]).map((one) => ({ ...one, Next: nameOf(index + target) }));
    states[nameOf(index)] = {
      ...rest,
      ...goes,
      ...(rules === undefined ? {} : { Choices: to(rules, chosen) }),
      ...(catchers === undefined ? {} : { Catch: to(catchers, caught) }),
    };
  }
  return {
    definition: definitionOf(states),
    input: { given: true },
    functions: Object.assign({}, ...parts.map(({ functions = {} }) => functions)),
    concurrent: parts.some(({ concurrent = false }) => concurrent),
  };
}
