import type { PipelineConfig } from '../../config/schema.ts';
import { PartwiseError, PoisonInputError, UnitTooLargeError } from '../../errors.ts';

/** Disk that any file may use while it is prepared. */
const freeSpillBytes = 256e6;

/** Text that a file repeats without storing it again (dictionaries) may fill so much disk, not all of it. */
export function allowedSpill(sizeBytes: number, limits: PipelineConfig['limits']): number {
  return Math.floor(Math.max(freeSpillBytes, 4 * sizeBytes * limits.expansion));
}

/** The engine's complaints while it decodes the file's bytes are the file's fault. */
export async function poisonOnRead<T>(spillBytes: number, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof UnitTooLargeError && /max_temp_directory_size/.test(String(cause.cause))) {
      throw new PoisonInputError(
        `the rows of the file need more than ${spillBytes} bytes, too much for its size (limits.expansion)`,
        { cause },
      );
    }
    if (
      cause instanceof Error &&
      !(cause instanceof PartwiseError) &&
      /Invalid Input Error|IO Error|Invalid Error|Conversion Error|Serialization Error|TProtocolException|Out of Range/i.test(
        cause.message,
      )
    ) {
      throw new PoisonInputError(`the file cannot be read: ${withoutPath(cause.message).split('\n')[0]}`, {
        cause,
      });
    }
    throw cause;
  }
}

/** The engine names our private copy, which tells nobody anything. */
export function withoutPath(message: string): string {
  return message.replaceAll(/(["'])\/[^"']*\1/g, 'the file').replaceAll(/^(Error: )?/g, '');
}
