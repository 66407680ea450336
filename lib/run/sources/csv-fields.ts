const quoteEscapeNeeded = (text: string, quote: string) =>
  text.includes(quote) || text.includes('\r') || text.includes('\n');

export interface CsvField {
  readonly text: string;
  readonly quoted: boolean;
}

/**
 * The fields of one record (RFC 4180; a quote inside an unquoted field is a character like any other).
 * Returns undefined when text follows a closing quote.
 */
export function parseFields(
  record: string,
  delimiter: string,
  quote: string,
): readonly CsvField[] | undefined {
  const fields: CsvField[] = [];
  let at = 0;
  for (;;) {
    if (record[at] === quote) {
      let text = '';
      let from = at + 1;
      for (;;) {
        const close = record.indexOf(quote, from);
        if (close === -1) return undefined;
        text += record.slice(from, close);
        at = close + 1;
        if (record[at] !== quote) break;
        text += quote;
        from = at + 1;
      }
      fields.push({ text, quoted: true });
      if (at >= record.length) return fields;
      if (record[at] !== delimiter) return undefined;
    } else {
      const next = record.indexOf(delimiter, at);
      fields.push({ text: record.slice(at, next === -1 ? record.length : next), quoted: false });
      if (next === -1) return fields;
      at = next;
    }
    at += 1;
  }
}

/** The record again, quoted wherever a strict reader needs it, and no field's quoting lost. */
export function formatFields(fields: readonly CsvField[], delimiter: string, quote: string): string {
  return fields
    .map(({ text, quoted }) =>
      quoted || quoteEscapeNeeded(text, quote) ? quote + text.replaceAll(quote, quote + quote) + quote : text,
    )
    .join(delimiter);
}
