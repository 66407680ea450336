import { csvLine } from '../report/csv.ts';
import { plural } from '../report/format.ts';
import { toJson } from '../report/json.ts';
import { textTable } from '../report/table.ts';
import type { Output } from './output.ts';

export interface PrintRowsOptions {
  readonly output: Output;
  readonly columns: readonly string[];
  readonly rows: AsyncIterable<readonly Readonly<Record<string, unknown>>[]>;
  readonly form: 'table' | 'csv';
  /** Rows of a table; CSV and JSON stream all of them. */
  readonly limit: number;
}

/** Prints the rows of a result as they come; only a table is held in memory, up to its limit. */
export async function printRows(options: PrintRowsOptions): Promise<void> {
  const { output, columns } = options;
  if (output.json) return printJson(options);
  if (options.form === 'csv') {
    output.raw(`${csvLine(columns)}\n`);
    for await (const batch of options.rows) {
      output.raw(batch.map((row) => `${csvLine(columns.map((name) => row[name]))}\n`).join(''));
    }
    return;
  }
  const shown: (readonly unknown[])[] = [];
  let total = 0;
  for await (const batch of options.rows) {
    for (const row of batch) {
      total += 1;
      if (shown.length < options.limit) shown.push(columns.map((name) => row[name]));
    }
    if (total > options.limit) break;
  }
  output.lines(textTable({ columns, rows: shown, maxCellWidth: 120 }));
  output.line(
    total > options.limit
      ? `the first of more: ${plural(shown.length, 'row')}; --limit, --csv or --json print more`
      : plural(total, 'row'),
  );
}

async function printJson(options: PrintRowsOptions): Promise<void> {
  const { output, columns } = options;
  output.raw(`{"columns": ${toJson(columns)}, "rows": [`);
  let separator = '\n';
  for await (const batch of options.rows) {
    for (const row of batch) {
      output.raw(`${separator}${toJson(columns.map((name) => row[name] ?? null))}`);
      separator = ',\n';
    }
  }
  output.raw('\n]}\n');
}
