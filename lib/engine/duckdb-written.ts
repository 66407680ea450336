import { DuckDBMapValue, type DuckDBValue } from '@duckdb/node-api';
import type { WrittenColumn, WrittenFile } from './engine.ts';

/** The rows of `COPY … (RETURN_STATS true)`: one per file, statistics as text. */
export function readWrittenFiles(rows: readonly Record<string, DuckDBValue>[]): readonly WrittenFile[] {
  return rows.map((row) => ({
    path: String(row['filename']),
    rows: Number(row['count']),
    sizeBytes: Number(row['file_size_bytes']),
    columns: Object.fromEntries(
      pairs(row['column_statistics']).map(([name, stats]) => [
        columnPath(String(name)),
        column(pairs(stats)),
      ]),
    ),
    partition: Object.fromEntries(
      pairs(row['partition_keys']).map(([name, value]) => [
        String(name),
        value === null ? null : String(value),
      ]),
    ),
  }));
}

function pairs(value: DuckDBValue | undefined): [DuckDBValue, DuckDBValue][] {
  return value instanceof DuckDBMapValue ? value.entries.map((entry) => [entry.key, entry.value]) : [];
}

function column(stats: readonly [DuckDBValue, DuckDBValue][]): WrittenColumn {
  const get = (name: string) => {
    const found = stats.find(([key]) => key === name)?.[1];
    return found === undefined || found === null ? undefined : String(found);
  };
  const number = (name: string) => (get(name) === undefined ? undefined : Number(get(name)));
  return {
    min: get('min'),
    max: get('max'),
    nullCount: number('null_count'),
    valueCount: number('num_values'),
    sizeBytes: number('column_size_bytes'),
    hasNan: get('has_nan') === undefined ? undefined : get('has_nan') === 'true',
  };
}

/** `"l"."element"` as `l.element`; quotes inside of names are doubled. */
function columnPath(quoted: string): string {
  return (
    [...quoted.matchAll(/"((?:[^"]|"")*)"/g)]
      .map((match) => (match[1] ?? '').replaceAll('""', '"'))
      .join('.') || quoted
  );
}
