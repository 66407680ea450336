import { isUtf8 } from 'node:buffer';
import { PoisonInputError } from '../../errors.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;

/** A view of one record's bytes, without its line end; valid until the next record is asked for. */
export interface RecordView {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Whether a quote occurs in it, so that its fields have to be parsed. */
  readonly quoted: boolean;
  /** The record is longer than the limit; only its beginning is there. */
  readonly tooLong: boolean;
}

export interface RecordOptions {
  /** Byte that opens and closes quoted fields; undefined when line ends always end a record. */
  readonly quote: number | undefined;
  readonly delimiter: number;
  readonly limitBytes: number;
}

/**
 * Cuts text into records at line ends outside quotes, in memory bounded by the longest allowed record. A byte order
 * mark is skipped, blank lines are not records.
 *
 * @throws PoisonInputError for UTF-16 and for a quote that is still open at the end
 */
export async function forEachRecord(
  chunks: AsyncIterable<Buffer>,
  options: RecordOptions,
  visit: (record: RecordView) => void,
  afterChunk: () => Promise<void>,
): Promise<void> {
  const window = new Window();
  const end = new RecordEnd(options);
  let first = true;
  let tooLong = false;
  const emit = (stop: number) => {
    if (stop - window.start > options.limitBytes) tooLong = true;
    let last = tooLong ? Math.min(stop, window.start + keptBytes) : stop;
    if (last > window.start && window.bytes[last - 1] === carriageReturn) last -= 1;
    if (last > window.start)
      visit({ bytes: window.bytes, start: window.start, end: last, quoted: end.sawQuote, tooLong });
    tooLong = false;
  };
  for await (const chunk of chunks) {
    window.append(chunk);
    if (first && window.length >= 3) {
      skipByteOrderMark(window);
      first = false;
    }
    for (let at = end.find(window); at !== -1; at = end.find(window)) {
      emit(at);
      window.start = at + 1;
      end.reset();
    }
    if (window.length > options.limitBytes) {
      tooLong = true;
      window.keep(keptBytes);
      end.lookFrom(keptBytes);
    }
    await afterChunk();
  }
  if (first) skipByteOrderMark(window);
  if (end.inQuote) throw new PoisonInputError('a quoted field is not closed before the end of the file');
  if (window.length > 0) emit(window.end);
  await afterChunk();
}

/** How much of a record that is too long is kept for the report. */
const keptBytes = 4_096;

function skipByteOrderMark(window: Window): void {
  const [a, b, c] = window.bytes.subarray(window.start, window.end);
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    throw new PoisonInputError('the text is UTF-16; allowed: UTF-8');
  if (a === 0xef && b === 0xbb && c === 0xbf) window.start += 3;
}

/** Bytes that are read and not yet consumed, in one buffer that grows by doubling. */
class Window {
  bytes = Buffer.allocUnsafe(1 << 19);
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  append(chunk: Buffer): void {
    if (this.end + chunk.length > this.bytes.length) {
      const next =
        this.length + chunk.length > this.bytes.length / 2
          ? Buffer.allocUnsafe((this.length + chunk.length) * 2)
          : this.bytes;
      this.bytes.copy(next, 0, this.start, this.end);
      this.end = this.length;
      this.start = 0;
      this.bytes = next;
    }
    chunk.copy(this.bytes, this.end);
    this.end += chunk.length;
  }

  /** Drops all but the first bytes. */
  keep(length: number): void {
    this.end = this.start + Math.min(length, this.length);
  }
}

/** Where the current record ends; remembers how far it has looked. */
class RecordEnd {
  inQuote = false;
  sawQuote = false;
  readonly #quote: number | undefined;
  readonly #delimiter: number;
  /** Bytes of the record that are looked at already. */
  #looked = 0;
  #fieldStart = true;

  constructor({ quote, delimiter }: RecordOptions) {
    this.#quote = quote;
    this.#delimiter = delimiter;
  }

  reset(): void {
    this.inQuote = false;
    this.sawQuote = false;
    this.#looked = 0;
    this.#fieldStart = true;
  }

  lookFrom(offset: number): void {
    this.#looked = offset;
  }

  /** Index of the line end that ends the record at the window's start, or -1. */
  find(window: Window): number {
    const from = window.start + this.#looked;
    if (from >= window.end) return -1;
    if (!this.sawQuote) {
      const at = indexOf(window, newline, from);
      const quoteAt =
        this.#quote === undefined ? -1 : indexOf(window, this.#quote, from, at === -1 ? window.end : at);
      if (quoteAt === -1) {
        if (at === -1) {
          this.#looked = window.length;
          this.#fieldStart = window.bytes[window.end - 1] === this.#delimiter;
        }
        return at;
      }
      this.sawQuote = true;
      if (quoteAt > from) this.#fieldStart = window.bytes[quoteAt - 1] === this.#delimiter;
      return this.#findQuoted(window, quoteAt);
    }
    return this.#findQuoted(window, from);
  }

  /** A quote opens a field only at its start; a doubled quote inside closes and opens again. */
  #findQuoted(window: Window, from: number): number {
    const { bytes, end } = window;
    for (let at = from; at < end; at += 1) {
      const byte = bytes[at];
      if (this.inQuote) {
        if (byte === this.#quote) {
          this.inQuote = false;
          this.#fieldStart = true;
        }
        continue;
      }
      if (byte === newline) return at;
      if (byte === this.#quote && this.#fieldStart) this.inQuote = true;
      this.#fieldStart = byte === this.#delimiter;
    }
    this.#looked = window.length;
    return -1;
  }
}

function indexOf(window: Window, byte: number, from: number, to = window.end): number {
  const at = window.bytes.subarray(from, to).indexOf(byte);
  return at === -1 ? -1 : from + at;
}

/** Whether the record is UTF-8. */
export function isText(bytes: Buffer, start: number, end: number): boolean {
  return isUtf8(bytes.subarray(start, end));
}
