import { call, type Definition, definitionOf, distributedMap } from '../../asl/support.ts';
import type { MachineCase } from './both-interpreters.ts';
import { caught, pass, retry } from './states.ts';

/** Machines with children that two interpreters must agree on, by what each shows. */

const fromBucket = (type: string, more: Definition = {}): Definition => ({
  ItemReader: {
    Resource: 'arn:aws:states:::s3:getObject',
    ReaderConfig: { InputType: type, ...more },
    Arguments: { Bucket: 'bucket', Key: 'items' },
  },
});
const inlineMap = (states: Definition, more: Definition = {}): Definition => ({
  Type: 'Map',
  MaxConcurrency: 1,
  ItemProcessor: {
    ProcessorConfig: { Mode: 'INLINE' },
    StartAt: Object.keys(states)[0],
    States: states,
  },
  ...('Next' in more ? {} : { End: true }),
  ...more,
});
const branch = (states: Definition): Definition => ({ StartAt: Object.keys(states)[0], States: states });
const three = JSON.stringify([{ n: 1 }, { n: 2, bad: true }, { n: 3 }]);

export const sharedMaps: Readonly<Record<string, MachineCase>> = {
  'branches run side by side on one input and give an array': {
    definition: definitionOf({
      A: {
        Type: 'Parallel',
        Arguments: { x: '{% $states.input.a %}' },
        Branches: [
          branch({ L: call('f') }),
          branch({
            M: pass({ Assign: { y: 1 }, Next: 'N' }),
            N: pass({ Output: '{% $y + $states.input.x %}' }),
          }),
        ],
        Assign: { sum: '{% $states.result[1] %}' },
        Next: 'B',
      },
      B: pass({ Output: '{% [$sum, $states.input] %}' }),
    }),
    input: { a: 4 },
    functions: { f: ['echo'] },
    concurrent: true,
  },
  'the failure of a branch is that of the parallel state': {
    definition: definitionOf({
      A: {
        Type: 'Parallel',
        Branches: [branch({ L: call('f') }), branch({ M: pass({}) })],
        Catch: [caught('B')],
        End: true,
      },
      B: pass({ Output: '{% $states.input.Error %}' }),
    }),
    functions: { f: [{ error: 'BranchError' }] },
  },
  'a parallel state is tried again as a whole': {
    definition: definitionOf({
      A: {
        Type: 'Parallel',
        Branches: [branch({ L: call('f', { Next: 'M' }), M: call('g') })],
        Retry: [retry({ ErrorEquals: ['Later'], MaxAttempts: 1 })],
        End: true,
      },
    }),
    functions: { f: ['echo'], g: [{ error: 'Later' }, 'echo'] },
  },
  'a variable of outside can be read in a branch': {
    definition: definitionOf({
      A: pass({ Assign: { x: { deep: [1, 2] } }, Next: 'B' }),
      B: { Type: 'Parallel', Branches: [branch({ L: pass({ Output: '{% $x.deep[1] %}' }) })], End: true },
    }),
  },
  'an inline map selects its items and keeps their order': {
    definition: definitionOf({
      A: inlineMap(
        { U: call('f') },
        {
          Items: '{% $states.input.list %}',
          ItemSelector: {
            value: '{% $states.context.Map.Item.Value %}',
            index: '{% $states.context.Map.Item.Index %}',
            all: '{% $count($states.input.list) %}',
          },
        },
      ),
    }),
    input: { list: ['a', 'b', 'c'] },
    functions: { f: ['echo'] },
  },
  'an inline map side by side keeps the order of its results': {
    definition: definitionOf({
      A: inlineMap({ U: call('f') }, { MaxConcurrency: 3, Items: '{% [1..7] %}' }),
    }),
    functions: { f: ['echo'] },
    concurrent: true,
  },
  'an inline map of nothing gives nothing': {
    definition: definitionOf({ A: inlineMap({ U: call('f') }, { Items: '{% $states.input.list %}' }) }),
    input: { list: [] },
    functions: { f: ['echo'] },
  },
  'a failed item fails an inline map, and what follows is not called': {
    definition: definitionOf({
      A: inlineMap({ U: call('f') }, { Items: JSON.parse(three), Catch: [caught('B')] }),
      B: pass({ Output: '{% $states.input.Error %}' }),
    }),
    functions: { f: ['echo good'] },
  },
  'an item that is tried again lets the map go on': {
    definition: definitionOf({
      A: inlineMap(
        { U: call('f', { Retry: [retry({ ErrorEquals: ['Busy'], MaxAttempts: 2 })] }) },
        { Items: '{% [1..3] %}' },
      ),
    }),
    functions: { f: ['echo', { error: 'Busy' }, 'echo'] },
  },
  'a failed item may be caught within': {
    definition: definitionOf({
      A: inlineMap(
        { U: call('f', { Catch: [caught('V')] }), V: pass({ Output: '{% $states.input.Error %}' }) },
        { Items: JSON.parse(three) },
      ),
    }),
    functions: { f: ['echo good'] },
  },
  'a map in a map sees both': {
    definition: definitionOf({
      A: inlineMap(
        {
          U: inlineMap(
            { V: pass({ Output: '{% $states.context.Map.Item.Value * 10 %}' }) },
            { Items: '{% $states.input %}' },
          ),
        },
        { Items: '{% [[1, 2], [3]] %}' },
      ),
    }),
  },
  'a distributed map reads a JSON array from a bucket': {
    definition: definitionOf({
      A: pass({ Assign: { attempt: 2 }, Next: 'B' }),
      B: distributedMap({
        ...fromBucket('JSON'),
        ItemSelector: { item: '{% $states.context.Map.Item.Value %}', attempt: '{% $attempt %}' },
        MaxConcurrency: '{% $attempt %}',
      }),
    }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': three },
    concurrent: true,
  },
  'a distributed map reads a CSV file with a header': {
    definition: definitionOf({ A: distributedMap(fromBucket('CSV', { CSVHeaderLocation: 'FIRST_ROW' })) }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': 'id,name\n1,one\n2,"two, or\nmore"\n3\n' },
    concurrent: true,
  },
  'a distributed map reads a CSV file with given headers': {
    definition: definitionOf({
      A: distributedMap(fromBucket('CSV', { CSVHeaderLocation: 'GIVEN', CSVHeaders: ['a', 'b'] })),
    }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': '1,2\r\n"say ""x""",4\r\n' },
    concurrent: true,
  },
  'a distributed map takes at most so many items': {
    definition: definitionOf({ A: distributedMap(fromBucket('JSON', { MaxItems: 2 })) }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': three },
    concurrent: true,
  },
  'a distributed map takes items from the state': {
    definition: definitionOf({
      A: distributedMap({ ItemReader: undefined, Items: '{% $states.input.list %}', MaxConcurrency: 2 }),
    }),
    input: { list: [{ a: 1 }, { a: 2 }] },
    functions: { work: ['echo'] },
    concurrent: true,
  },
  'items that are no array fail the reader by name': {
    definition: definitionOf({
      A: distributedMap({ ...fromBucket('JSON'), Catch: [caught('B')] }),
      B: pass({ Output: '{% $states.input.Error %}' }),
    }),
    functions: { work: ['echo'] },
    objects: { 'bucket/items': '"text"' },
  },
};
