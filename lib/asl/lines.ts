/** Text of a byte stream, cut into lines or CSV rows without holding more than one of them. */

async function* decode(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

/** Lines without their ends (LF or CRLF); a last line without an end counts. */
export async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pieces: string[] = [];
  const take = (): string => {
    const line = pieces.join('');
    pieces = [];
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  };
  for await (const text of decode(bytes)) {
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      pieces.push(text.slice(start, end));
      yield take();
      start = end + 1;
    }
    if (start < text.length) pieces.push(text.slice(start));
  }
  if (pieces.length > 0) yield take();
}

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
  for await (const text of decode(bytes)) {
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
