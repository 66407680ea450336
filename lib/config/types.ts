import type { ColumnType, SummaryConfig } from './schema.ts';

/** A column of the tables as configured, in table order: the columns, then the derived ones. */
export interface TargetColumn {
  readonly name: string;
  readonly type: ColumnType;
}

export function targetColumns(config: Pick<SummaryConfig, 'columns' | 'derived'>): readonly TargetColumn[] {
  return [...config.columns, ...config.derived].map(({ name, type }) => ({ name, type }));
}

/**
 * DuckDB's name of a column type. `month` is text `YYYY-MM`.
 *
 * @example sqlType('decimal(10, 2)') // 'DECIMAL(10,2)'
 */
export function sqlType(type: ColumnType): string {
  switch (type) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int':
      return 'INTEGER';
    case 'bigint':
      return 'BIGINT';
    case 'double':
      return 'DOUBLE';
    case 'string':
    case 'month':
      return 'VARCHAR';
    case 'date':
      return 'DATE';
    case 'timestamp':
      return 'TIMESTAMP';
    default:
      return type.toUpperCase().replaceAll(' ', '');
  }
}
