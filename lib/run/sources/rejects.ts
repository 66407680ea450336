import { closeSync, openSync, writeSync } from 'node:fs';

/** One refused row: the row's number in its file (from 1, header not counted), why, and the row as it was. */
export interface RowReject {
  readonly row: number;
  readonly column: string | undefined;
  readonly reason: string;
  readonly raw: unknown;
}

/** Rows on their way to quarantine, as JSON lines in a local file; memory does not grow with them. */
export class RowRejects {
  count = 0;
  readonly path: string;
  readonly #file: string;
  #descriptor: number | undefined;
  #pending: string[] = [];

  /** `file` is the location of the source object, repeated on every line. */
  constructor(path: string, file: string) {
    this.path = path;
    this.#file = file;
  }

  add({ row, column, reason, raw }: RowReject): void {
    this.count += 1;
    this.#pending.push(JSON.stringify({ file: this.#file, row, column: column ?? null, reason, raw }));
    if (this.#pending.length >= 1_000) this.#flush();
  }

  /** Completes the file; undefined when no row was refused, and no file is left then. */
  close(): string | undefined {
    this.#flush();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    return this.count === 0 ? undefined : this.path;
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#descriptor ??= openSync(this.path, 'w');
    writeSync(this.#descriptor, `${this.#pending.join('\n')}\n`);
    this.#pending = [];
  }
}
