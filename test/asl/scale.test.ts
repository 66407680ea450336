import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** 100,000 items in a process whose heap may hold 96 MB: more than a bit per item would end it. */
it('runs a Distributed Map of 100,000 items in a small heap, results exported', async () => {
  const script = fileURLToPath(new URL('./scale-child.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--max-old-space-size=96',
    script,
    '100000',
  ]);
  expect(JSON.parse(stdout)).toEqual({
    status: 'SUCCEEDED',
    calls: 100_000,
    mostRunning: 64,
    succeeded: 100_000,
  });
});
