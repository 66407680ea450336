import { describe, expect, it } from 'vitest';
import { rowText } from './rollup-example.ts';
import { rollupExamples } from './rollup-examples.ts';
import { type RefusedPoint, rollupOracle } from './rollup-oracle.ts';

describe('the rollup oracle on the worked examples', () => {
  for (const example of rollupExamples) {
    it(example.name, () => {
      const result = rollupOracle(example.rules, example.batches);
      expect({
        rows: result.rows.map((row) => `${rowText(row)} b${row.batch}`),
        open: result.open.map(rowText),
        tooLate: result.tooLate.map(refusedText),
        tooFar: result.tooFar.map(refusedText),
        duplicates: result.duplicates,
        closed: result.closedThroughMs,
      }).toEqual({
        rows: example.rows,
        open: example.open ?? [],
        tooLate: example.tooLate ?? [],
        tooFar: example.tooFar ?? [],
        duplicates: example.duplicates ?? example.batches.map(() => 0),
        closed: example.closed,
      });
    });
  }
});

function refusedText({ batch, point }: RefusedPoint): string {
  return `${batch} ${point.id}@${point.timeMs}`;
}
