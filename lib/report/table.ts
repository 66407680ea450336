import { cellText } from './value.ts';

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

export interface TableOptions {
  readonly columns: readonly (TableColumn | string)[];
  readonly rows: readonly (readonly unknown[])[];
  /** Longer cells are cut with an ellipsis. */
  readonly maxCellWidth?: number;
  readonly indent?: number;
}

/** Lines of a table with a header and a rule; columns of numbers stand right. */
export function textTable(options: TableOptions): readonly string[] {
  const { rows, maxCellWidth = 200, indent = 0 } = options;
  const columns = options.columns.map((column, index) => {
    const spec: TableColumn = typeof column === 'string' ? { title: column } : column;
    return {
      title: spec.title,
      align: spec.align ?? (rows.length > 0 && rows.every((row) => isNumeric(row[index])) ? 'right' : 'left'),
    };
  });
  const cells = rows.map((row) => columns.map((_, index) => cut(cellText(row[index]), maxCellWidth)));
  const widths = columns.map((column, index) =>
    Math.max(width(column.title), ...cells.map((row) => width(row[index] ?? ''))),
  );
  const line = (texts: readonly string[]) =>
    (
      ' '.repeat(indent) +
      texts.map((text, index) => pad(text, widths[index] ?? 0, columns[index]?.align)).join('  ')
    ).trimEnd();
  return [
    line(columns.map((column) => column.title)),
    ' '.repeat(indent) + widths.map((size) => '-'.repeat(size)).join('  '),
    ...cells.map(line),
  ];
}

/** One row, a column per line: for rows that are wider than a terminal. */
export function recordLines(
  entries: readonly (readonly [name: string, value: unknown])[],
  indent = 0,
): readonly string[] {
  const size = Math.max(0, ...entries.map(([name]) => width(name)));
  return entries.map(([name, value]) =>
    `${' '.repeat(indent)}${pad(name, size, 'left')}  ${cellText(value)}`.trimEnd(),
  );
}

function isNumeric(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === '-') return true;
  if (typeof value === 'number' || typeof value === 'bigint') return true;
  return typeof value === 'string' && /^-?[\d,]+(\.\d+)?( (ms|s|B|KB|MB|GB|TB|%))?$/.test(value);
}

function cut(value: string, limit: number): string {
  return width(value) <= limit ? value : `${[...value].slice(0, Math.max(0, limit - 1)).join('')}…`;
}

function pad(value: string, size: number, align: 'left' | 'right' | undefined): string {
  const space = ' '.repeat(Math.max(0, size - width(value)));
  return align === 'right' ? space + value : value + space;
}

/** Code points; wide and combining characters are not measured. */
function width(value: string): number {
  return [...value].length;
}
