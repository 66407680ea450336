import { toJson } from './json.ts';

/** One CSV record (RFC 4180, CRLF not used). */
export function csvLine(values: readonly unknown[]): string {
  return values.map(csvCell).join(',');
}

/**
 * Text that a spreadsheet would take for a formula gets a leading apostrophe; numbers are left alone, so -5
 * stays a number.
 */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  const raw = typeof value === 'string' ? value : toJson(value);
  const safe = /^[=+\-@\t\r]/.test(raw) ? `'${raw}` : raw;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
