/** Options of DuckDB's COPY by the ending of the file's name: .parquet, .jsonl, .csv or .csv.gz. */
export function copyOptions(name: string): string {
  if (name.endsWith('.parquet')) return 'FORMAT parquet, COMPRESSION zstd';
  if (name.endsWith('.jsonl')) return 'FORMAT json';
  return `FORMAT csv, HEADER true${name.endsWith('.gz') ? ', COMPRESSION gzip' : ''}`;
}
