import { stringify } from 'yaml';
import { isReservedColumnName } from '../../config/index.ts';
import type { InspectedFile } from './inspect.ts';

/** Pieces of the YAML of a pipeline that is made from a file. */

/** The entry `source`, when the file is not read by the defaults. */
export function sourceLines(file: InspectedFile): readonly string[] {
  const csv = file.csv;
  if (csv === undefined || (csv.delimiter === ',' && csv.quote === '"')) return [];
  const entries = [
    csv.delimiter === ',' ? '' : `delimiter: ${JSON.stringify(csv.delimiter)}`,
    csv.quote === '"' ? '' : `quote: ${JSON.stringify(csv.quote)}`,
  ];
  return ['source:', `  csv: { ${entries.filter((entry) => entry !== '').join(', ')} }`];
}

/** A name that the tables allow: letters, digits and _, not starting with a digit, not reserved. */
export function tableName(name: string): string {
  const cleaned = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9_]+/g, '_')
    .replace(/^_+(?=.)|_+$/g, '')
    .slice(0, 120);
  const started = /^[A-Za-z_]/.test(cleaned) ? cleaned : `c_${cleaned}`;
  return isReservedColumnName(started) ? `source_${started}` : started;
}

/** A scalar that reads back as this very text, also within a flow mapping. */
export function scalar(value: string): string {
  const plain = stringify(value, { lineWidth: 0 }).trimEnd();
  return /[,[\]{}:#\n]/.test(plain) || plain.startsWith('|') || plain.startsWith('>')
    ? JSON.stringify(value)
    : plain;
}

/** Text on one line, for a comment. */
export function comment(value: string): string {
  return value.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
}
