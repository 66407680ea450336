import type { EngineSession } from '../../engine/engine.ts';
import { UnitTooLargeError } from '../../errors.ts';
import type { Noted } from './findings.ts';

/**
 * Checks a bucket, and if the engine runs out of memory once more with one thread, which holds a row group at a time
 * instead of several. The session stays with one thread. Only what the finished attempt found is reported.
 * @throws UnitTooLargeError when one thread is too much, too
 */
export async function inLittleRoom<T>(
  session: EngineSession,
  findings: Noted,
  check: (findings: Noted) => Promise<T>,
): Promise<T> {
  const attempt = async () => {
    const calls: (() => void)[] = [];
    const result = await check({
      checked: (...found) => calls.push(() => findings.checked(...found)),
      failed: (...found) => calls.push(() => findings.failed(...found)),
    });
    for (const call of calls) call();
    return result;
  };
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof UnitTooLargeError)) throw error;
    await session.execute('SET threads = 1');
    return await attempt();
  }
}
