import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

/** A file on local disk that gets a value per line. Who writes next, or ends it, hears of its first failure. */
export interface JsonLinesFile {
  write(value: unknown): Promise<void>;
  /** When all of it has been written. */
  end(): Promise<void>;
  /** Gives up what is not written yet. */
  destroy(): void;
}

export function openJsonLinesFile(path: string): JsonLinesFile {
  const stream = createWriteStream(path).on('error', () => undefined);
  return {
    async write(value) {
      if (stream.errored !== null) throw stream.errored;
      if (!stream.write(`${JSON.stringify(value)}\n`)) await once(stream, 'drain');
    },
    end: () => finished(stream.end()),
    destroy: () => {
      stream.destroy();
    },
  };
}
