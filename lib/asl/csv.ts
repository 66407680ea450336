import { decodeText } from '../stores/lines.ts';

/** Rows of an RFC 4180 file: quoted fields may hold the delimiter, line ends and doubled quotes. Empty lines are no rows. */
export async function* readCsv(
  bytes: AsyncIterable<Uint8Array>,
  delimiter: string,
): AsyncGenerator<string[]> {
  let row: string[] = [];
  let field = '';
  let state: 'start' | 'plain' | 'quoted' | 'quote' = 'start';
  const endField = (): void => {
    row.push(field);
    field = '';
    state = 'start';
  };
  for await (const text of decodeText(bytes)) {
    for (const character of text) {
      if (state === 'quoted') {
        if (character === '"') state = 'quote';
        else field += character;
      } else if (character === '"' && state === 'start') state = 'quoted';
      else if (character === '"' && state === 'quote') {
        field += '"';
        state = 'quoted';
      } else if (character === delimiter) endField();
      else if (character === '\n') {
        endField();
        const last = row.length - 1;
        row[last] = (row[last] ?? '').replace(/\r$/, '');
        if (row.length > 1 || row[0] !== '') yield row;
        row = [];
      } else {
        field += character;
        if (state !== 'quote' || character !== '\r') state = 'plain';
      }
    }
  }
  if (state === 'quoted') throw new SyntaxError('a quoted field does not end');
  if (field !== '' || row.length > 0) yield [...row, field];
}
