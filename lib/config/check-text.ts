import type { Path, Problem } from './problems.ts';
import type { PipelineConfig } from './schema.ts';

/** Separators that differ, and words for NULL that no separator cuts. */
export function checkCsv(feed: string, csv: PipelineConfig['source']['csv']): readonly Problem[] {
  const problems: Problem[] = [];
  if (csv.delimiter === csv.quote) {
    problems.push({
      path: [feed, 'csv'],
      message: `delimiter and quote are both ${JSON.stringify(csv.quote)}`,
    });
  }
  for (const [at, value] of csv.nullValues.entries()) {
    if ([csv.delimiter, csv.quote, '\n', '\r', '\0'].every((part) => !value.includes(part))) continue;
    problems.push({
      path: [feed, 'csv', 'nullValues', at],
      message: `${JSON.stringify(value)} holds the delimiter, the quote or a line end`,
    });
  }
  return problems;
}

/** No SQL text can hold NUL. */
export function checkText(value: unknown, path: Path): readonly Problem[] {
  if (typeof value === 'string')
    return value.includes('\0') ? [{ path, message: 'holds a NUL character' }] : [];
  if (Array.isArray(value)) return value.flatMap((entry, at) => checkText(entry, [...path, at]));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, entry]) => checkText(entry, [...path, key]));
}
