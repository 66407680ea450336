import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { PoisonInputError } from '../../errors.ts';
import { formatFields, parseFields } from './csv-fields.ts';
import { forEachRecord, isText, type RecordView } from './records.ts';
import type { RowRejects } from './rejects.ts';

/** Separates the row number from a JSON line; no JSON text holds it. */
export const unitSeparator = '\x1f';

export interface NormalisedText {
  readonly path: string;
  /** Header names; undefined for JSON lines and for CSV without a header. */
  readonly header: readonly string[] | undefined;
  readonly rows: number;
  readonly rejected: number;
  /** Bytes of the longest line written. */
  readonly longestBytes: number;
  /** Fields of a CSV record. */
  readonly width: number;
}

export interface NormaliseOptions {
  readonly chunks: AsyncIterable<Buffer>;
  readonly path: string;
  readonly rejects: RowRejects;
  readonly fieldBytes: number;
  readonly columns: number;
}

export interface CsvDialect {
  readonly delimiter: string;
  readonly quote: string;
  readonly header: boolean;
  /** Fields of a record when there is no header. */
  readonly width: number;
}

/**
 * Writes CSV that a strict reader takes without surprises: no header, the row number (from 1, header not counted)
 * as first field, every record with the header's number of fields. What cannot be a row goes to `rejects`.
 *
 * @throws PoisonInputError
 */
export async function normaliseCsv(options: NormaliseOptions, dialect: CsvDialect): Promise<NormalisedText> {
  const { delimiter, quote, header: hasHeader } = dialect;
  const [delimiterByte, quoteByte] = [delimiter.charCodeAt(0), quote.charCodeAt(0)];
  const { rejects } = options;
  const out = new LineWriter(options.path);
  let header: readonly string[] | undefined;
  let width = hasHeader ? 0 : dialect.width;
  let rows = 0;
  let rejected = 0;

  const reject = (record: RecordView, reason: string) => {
    rejected += 1;
    rejects.add({
      row: rows,
      column: undefined,
      reason,
      raw: rejects.room > 0 ? rawText(record) : undefined,
    });
  };
  const readHeader = (record: RecordView) => {
    const text = record.tooLong ? undefined : textOf(record);
    const fields = text === undefined ? undefined : parseFields(text, delimiter, quote);
    if (fields === undefined || text?.includes('\0'))
      throw new PoisonInputError('the header is not a CSV record in UTF-8');
    if (fields.length > options.columns)
      throw new PoisonInputError(
        `the header has ${fields.length} columns; allowed: ${options.columns} (limits.columns)`,
      );
    header = fields.map((field) => field.text);
    width = fields.length;
  };
  const visit = (record: RecordView) => {
    if (hasHeader && header === undefined) return readHeader(record);
    rows += 1;
    if (record.tooLong)
      return reject(record, `the record is longer than ${options.fieldBytes} bytes (limits.fieldBytes)`);
    const seen = inspect(record, delimiterByte);
    if (seen.nul) return reject(record, 'holds a NUL character');
    if (seen.high && !isText(record.bytes, record.start, record.end)) return reject(record, 'is not UTF-8');
    if (!record.quoted && !seen.carriageReturn) {
      if (seen.delimiters + 1 !== width)
        return reject(record, `has ${seen.delimiters + 1} fields; the header has ${width}`);
      out.bytes(`${rows}${delimiter}`, record.bytes, record.start, record.end);
      return;
    }
    const fields = parseFields(record.bytes.toString('utf8', record.start, record.end), delimiter, quote);
    if (fields === undefined) return reject(record, 'has text after a closing quote');
    if (fields.length !== width)
      return reject(record, `has ${fields.length} fields; the header has ${width}`);
    out.text(`${rows}${delimiter}${formatFields(fields, delimiter, quote)}`);
  };

  await out.run(() =>
    forEachRecord(
      options.chunks,
      { quote: quoteByte, delimiter: delimiterByte, limitBytes: options.fieldBytes },
      visit,
      () => out.drain(),
    ),
  );
  if (hasHeader && header === undefined)
    throw new PoisonInputError('the file holds no record, not even a header');
  return { path: options.path, header, rows, rejected, longestBytes: out.longestBytes, width };
}

/** Writes `row number, unit separator, line` for every line that can be JSON; the engine judges the rest. */
export async function normaliseLines(options: NormaliseOptions): Promise<NormalisedText> {
  const { rejects } = options;
  const out = new LineWriter(options.path);
  let rows = 0;
  let rejected = 0;
  const visit = (record: RecordView) => {
    rows += 1;
    const reason = record.tooLong
      ? `the line is longer than ${options.fieldBytes} bytes (limits.fieldBytes)`
      : refuseLine(record);
    if (reason === undefined)
      return out.bytes(`${rows}${unitSeparator}`, record.bytes, record.start, record.end);
    rejected += 1;
    rejects.add({
      row: rows,
      column: undefined,
      reason,
      raw: rejects.room > 0 ? rawText(record) : undefined,
    });
  };
  await out.run(() =>
    forEachRecord(
      options.chunks,
      { quote: undefined, delimiter: 0, limitBytes: options.fieldBytes },
      visit,
      () => out.drain(),
    ),
  );
  return { path: options.path, header: undefined, rows, rejected, longestBytes: out.longestBytes, width: 0 };
}

function refuseLine(record: RecordView): string | undefined {
  const seen = inspect(record, 0x1f);
  if (seen.nul) return 'holds a NUL character';
  if (seen.high && !isText(record.bytes, record.start, record.end)) return 'is not UTF-8';
  return seen.delimiters > 0 || seen.carriageReturn ? 'is not JSON: it holds a control character' : undefined;
}

function inspect({ bytes, start, end }: RecordView, delimiter: number) {
  let delimiters = 0;
  let high = false;
  let nul = false;
  let carriageReturn = false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte === delimiter) delimiters += 1;
    else if (byte >= 0x80) high = true;
    else if (byte < 0x20) {
      if (byte === 0) nul = true;
      else if (byte === 0x0d) carriageReturn = true;
    }
  }
  return { delimiters, high, nul, carriageReturn };
}

function textOf(record: RecordView): string | undefined {
  return isText(record.bytes, record.start, record.end)
    ? record.bytes.toString('utf8', record.start, record.end)
    : undefined;
}

/** The beginning of a record for the report, bytes that are no text replaced. */
function rawText({ bytes, start, end }: RecordView): string {
  return bytes.toString('utf8', start, Math.min(end, start + 4_096));
}

/** Collects lines and writes them in large pieces. */
class LineWriter {
  longestBytes = 0;
  readonly #stream: WriteStream;
  #buffer = Buffer.allocUnsafe(1 << 20);
  #used = 0;

  constructor(path: string) {
    this.#stream = createWriteStream(path, { flags: 'wx' });
  }

  bytes(prefix: string, bytes: Buffer, start: number, end: number): void {
    this.#reserve(prefix.length + (end - start) + 1);
    const before = this.#used;
    this.#used += this.#buffer.write(prefix, this.#used, 'latin1');
    this.#used += bytes.copy(this.#buffer, this.#used, start, end);
    this.#buffer[this.#used++] = 0x0a;
    this.longestBytes = Math.max(this.longestBytes, this.#used - before);
  }

  text(line: string): void {
    const bytes = Buffer.from(line);
    this.bytes('', bytes, 0, bytes.length);
  }

  /** Runs the body, then closes the file; a failed body leaves an error, not a hanging stream. */
  async run(body: () => Promise<void>): Promise<void> {
    try {
      await body();
      this.#flush();
      this.#stream.end();
      await finished(this.#stream);
    } finally {
      this.#stream.destroy();
    }
  }

  async drain(): Promise<void> {
    if (this.#stream.writableNeedDrain) await once(this.#stream, 'drain');
  }

  #reserve(length: number): void {
    if (this.#used + length <= this.#buffer.length) return;
    this.#flush();
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(length);
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#stream.write(this.#buffer.subarray(0, this.#used));
    this.#buffer = Buffer.allocUnsafe(Math.max(1 << 20, 0));
    this.#used = 0;
  }
}
