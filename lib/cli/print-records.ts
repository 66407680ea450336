import { plural } from '../report/format.ts';
import { recordLines } from '../report/table.ts';
import { cellText } from '../report/value.ts';
import type { Output } from './output.ts';

export interface PrintRecordsOptions {
  readonly output: Output;
  readonly columns: readonly string[];
  readonly rows: AsyncIterable<readonly Readonly<Record<string, unknown>>[]>;
  readonly limit: number;
  /** Columns whose values head each record. */
  readonly title: readonly string[];
}

/** Prints wide rows one column per line, arrays last as they are stored. */
export async function printRecords(options: PrintRecordsOptions): Promise<void> {
  const { output, columns, title } = options;
  const body = columns.filter((name) => !title.includes(name));
  let total = 0;
  for await (const batch of options.rows) {
    for (const row of batch) {
      total += 1;
      if (total > options.limit) break;
      if (title.length > 0)
        output.line(output.style.bold(title.map((name) => `${name} ${cellText(row[name])}`).join('  ')));
      output.lines(
        recordLines(
          body.map((name) => [name, row[name]]),
          2,
        ),
      );
    }
  }
  output.line(
    total > options.limit
      ? `the first of more: ${plural(options.limit, 'row')}; --limit N shows more`
      : plural(total, 'row'),
  );
}
