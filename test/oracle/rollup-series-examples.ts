import { at, batches, type RollupExample, rules } from './rollup-example.ts';

/** Steps, labels, and when a series is forgotten. */
export const seriesExamples: readonly RollupExample[] = [
  {
    name: 'the first point of a series adds nothing; a step over an edge counts in the later window',
    rules,
    batches: batches([at(60, 10)], [at(70, 15)]),
    rows: [
      '60|60 a x/m/1 n1 s10 10..10 10@60 10@60 i0 r0 b0',
      '60|120 a x/m/1 n1 s15 15..15 15@70 15@70 i5 r0 b1',
    ],
    closed: 120,
  },
  {
    name: 'a smaller value is a reset and adds itself, an equal one adds nothing',
    rules,
    batches: batches([at(10, 5), at(20, 8), at(30, 2), at(40, 4), at(50, 4)]),
    rows: ['60|60 a x/m/1 n5 s23 2..8 5@10 4@50 i7 r1 b0'],
    closed: 60,
  },
  {
    name: 'a reset below zero lowers the increase',
    rules,
    batches: batches([at(10, 5), at(20, -3), at(30, -4)]),
    rows: ['60|60 a x/m/1 n3 s-2 -4..5 5@10 -4@30 i-7 r2 b0'],
    closed: 60,
  },
  {
    name: 'sums and steps do not overflow 64 bits',
    rules,
    batches: batches([at(10, -(2n ** 63n)), at(20, 2n ** 63n - 1n), at(30, 2n ** 63n - 1n)]),
    rows: [
      '60|60 a x/m/1 n3 s9223372036854775806 -9223372036854775808..9223372036854775807 -9223372036854775808@10 9223372036854775807@30 i18446744073709551615 r0 b0',
    ],
    closed: 60,
  },
  {
    name: 'a gap of maxGap counts, a longer one makes a first point and no reset',
    rules: { ...rules, maxGapMs: 30 },
    batches: batches([at(1, 5), at(31, 9)], [at(62, 2), at(63, 3)]),
    rows: ['60|60 a x/m/1 n2 s14 5..9 5@1 9@31 i4 r0 b0', '60|120 a x/m/1 n2 s5 2..3 2@62 3@63 i1 r0 b1'],
    closed: 120,
  },
  {
    name: 'series do not touch each other',
    rules,
    batches: batches([at(10, 5, 'x', 'a'), at(20, 1, 'y', 'b'), at(30, 6, 'x', 'a')]),
    rows: ['60|60 a x/m/1 n2 s11 5..6 5@10 6@30 i1 r0 b0', '60|60 b y/m/1 n1 s1 1..1 1@20 1@20 i0 r0 b0'],
    closed: 60,
  },
  {
    name: 'the labels are those that came first, not those of the earliest time',
    rules,
    batches: batches([at(50, 5, 'x'), at(10, 4, 'y')]),
    rows: ['60|60 a x/m/1 n2 s9 4..5 4@10 5@50 i1 r0 b0'],
    closed: 60,
  },
  {
    name: 'the labels stay, without labels too',
    rules,
    batches: batches([at(10, 4, null)], [at(70, 5, 'y')]),
    rows: [
      '60|60 a null/m/1 n1 s4 4..4 4@10 4@10 i0 r0 b0',
      '60|120 a null/m/1 n1 s5 5..5 5@70 5@70 i1 r0 b1',
    ],
    closed: 120,
  },
  {
    name: 'a refused point fixes no labels',
    rules: { ...rules, maxFutureMs: 0 },
    batches: batches([at(61, 4, 'z')], [at(60, 4, 'y'), at(70, 5, 'x')]),
    rows: ['60|120 a x/m/1 n1 s5 5..5 5@70 5@70 i0 r0 b1'],
    tooLate: ['1 a@60'],
    tooFar: ['0 a@61'],
    closed: 120,
  },
  {
    name: 'a series is forgotten once maxGap has closed behind it; a coarse window shows the labels of its first point',
    rules: { ...rules, resolutionsMs: [60, 120], maxGapMs: 50 },
    batches: batches([at(10, 4, 'x')], [at(70, 5, 'y')]),
    rows: [
      '60|60 a x/m/1 n1 s4 4..4 4@10 4@10 i0 r0 b0',
      '60|120 a y/m/1 n1 s5 5..5 5@70 5@70 i0 r0 b1',
      '120|120 a x/m/1 n2 s9 4..5 4@10 5@70 i0 r0 b1',
    ],
    closed: 120,
  },
  {
    name: 'a series is not forgotten one millisecond earlier, though the gap is too long to count',
    rules: { ...rules, maxGapMs: 50 },
    batches: batches([at(11, 4, 'x')], [at(70, 5, 'y')]),
    rows: ['60|60 a x/m/1 n1 s4 4..4 4@11 4@11 i0 r0 b0', '60|120 a x/m/1 n1 s5 5..5 5@70 5@70 i0 r0 b1'],
    closed: 120,
  },
  {
    name: 'an open point keeps its series known, though the tail behind it is dropped',
    rules: { ...rules, maxGapMs: 50 },
    batches: batches([at(10, 4, 'x'), at(70, 5, 'y')], [at(120, 6, 'z')]),
    rows: ['60|60 a x/m/1 n1 s4 4..4 4@10 4@10 i0 r0 b0', '60|120 a x/m/1 n2 s11 5..6 5@70 6@120 i1 r0 b1'],
    closed: 120,
  },
];
