import type { SourceFile } from '../generators/scenario.ts';
import type { Shape } from '../generators/shape.ts';
import type { InitialRow, OracleRecord } from '../oracle/summary-oracle.ts';
import { exampleRules, type WorkedExample, workedExamples } from '../oracle/worked-examples.ts';

/** The worked examples' one history column, with a code for the grid and a note that says whose scalars a row shows. */
export const exampleShape: Shape = {
  keyType: 'string',
  tieTypes: [],
  columns: [
    { name: 'balance', type: 'bigint' },
    { name: 'code', type: 'string' },
    { name: 'note', type: 'string' },
  ],
  history: exampleRules.history,
  grids: exampleRules.grids,
  historyLength: exampleRules.historyLength,
  deletes: true,
  onStale: exampleRules.onStale,
};

/** All examples side by side in one table, each under a key of its own: its name. */
export interface ExampleTable {
  readonly initial: readonly InitialRow[];
  readonly runs: readonly (readonly SourceFile[])[];
}

export function exampleTable(examples: readonly WorkedExample[] = workedExamples): ExampleTable {
  const initial = examples.flatMap((example) => example.initial.map((row) => keyed(example, row)));
  const runs = Array.from(
    { length: Math.max(...examples.map((example) => example.batches.length)) },
    (_, run) => {
      const records = examples.flatMap((example) =>
        (example.batches[run] ?? []).map((record) => ({ ...record, key: example.name })),
      );
      return [fileOf(run, records)];
    },
  );
  return { initial, runs };
}

function keyed(example: WorkedExample, row: InitialRow): InitialRow {
  return {
    ...row,
    normal: { ...row.normal, key: example.name },
    deletion: row.deletion === undefined ? undefined : { ...row.deletion, key: example.name },
  };
}

function fileOf(run: number, records: readonly OracleRecord[]): SourceFile {
  const formats = ['csv', 'parquet', 'jsonl'] as const;
  const format = formats[run % formats.length] ?? 'csv';
  return { name: `examples-${run}.${format}`, format, seed: run, records };
}
