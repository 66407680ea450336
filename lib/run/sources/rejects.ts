import { closeSync, openSync, writeSync } from 'node:fs';

/** One refused row: the row's number in its file (from 1, header not counted), why, and the row as it was. */
export interface RowReject {
  /** Undefined for a line about rows that are not listed. */
  readonly row: number | undefined;
  readonly column: string | undefined;
  readonly reason: string;
  readonly raw: unknown;
}

/**
 * Rows on their way to quarantine, as JSON lines in a local file; memory does not grow with them. All are counted; of
 * more than `limit` the rest is only counted, since a file of faults must not fill the disk.
 */
export class RowRejects {
  count = 0;
  readonly path: string;
  readonly #file: string;
  readonly #limit: number;
  #descriptor: number | undefined;
  #pending: string[] = [];

  /** `file` is the location of the source object, repeated on every line. */
  constructor(path: string, file: string, limit: number) {
    this.path = path;
    this.#file = file;
    this.#limit = limit;
  }

  /** How many more rows will be listed. */
  get room(): number {
    return Math.max(0, this.#limit - this.count);
  }

  add(reject: RowReject): void {
    this.count += 1;
    if (this.count <= this.#limit) this.#write(reject);
  }

  /** Counts rows without listing them. */
  addUnlisted(rows: number): void {
    this.count += rows;
  }

  /** Completes the file; undefined when no row was refused, and no file is left then. */
  close(): string | undefined {
    const unlisted = this.count - this.#limit;
    if (unlisted > 0)
      this.#write({
        row: undefined,
        column: undefined,
        reason: `${unlisted} more rows, not listed`,
        raw: undefined,
      });
    this.#flush();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    return this.count === 0 ? undefined : this.path;
  }

  #write({ row, column, reason, raw }: RowReject): void {
    this.#pending.push(
      JSON.stringify({
        file: this.#file,
        row: row ?? null,
        column: column ?? null,
        reason,
        raw: raw ?? null,
      }),
    );
    if (this.#pending.length >= 1_000) this.#flush();
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#descriptor ??= openSync(this.path, 'w');
    writeSync(this.#descriptor, `${this.#pending.join('\n')}\n`);
    this.#pending = [];
  }
}
