import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDirectoryPending } from '../../lib/stores/folder/directory-pending.ts';
import { fileLocation, joinLocation } from '../../lib/stores/location.ts';

it('lets writers begin while others clean up the folders that they share', async () => {
  const path = await mkdtemp(join(tmpdir(), 'partwise-pending-'));
  try {
    const pending = await openDirectoryPending({ path });
    const root = joinLocation(fileLocation(path), 'out');
    const empty = { async *[Symbol.asyncIterator]() {} };
    const writer = async (times: number) => {
      for (let left = times; left > 0; left -= 1)
        await pending.abort(await pending.write(joinLocation(root, 'a', 'b', 'same'), empty));
    };
    await Promise.all([writer(1_000), writer(1_000), writer(1_000), writer(1_000)]);
    for await (const left of pending.list(root)) expect.fail(`left behind: ${left.destination}`);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});
