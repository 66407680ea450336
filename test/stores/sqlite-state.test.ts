import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { isNewerSequencer } from '../../lib/stores/sequencer.ts';
import { openSqliteState } from '../../lib/stores/sqlite/state.ts';
import { stateStoreContract } from '../contracts/state-store.ts';

stateStoreContract('SQLite', async (clock) => {
  const folder = await mkdtemp(`${tmpdir()}/partwise-state-`);
  const state = await openSqliteState({ path: `${folder}/state.db`, clock });
  return {
    state,
    [Symbol.asyncDispose]: async () => {
      await state.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});

test('sequencers of different lengths compare as right-padded hexadecimal', () => {
  expect(isNewerSequencer('00', '001')).toBe(false);
  expect(isNewerSequencer('0a', '09F')).toBe(true);
  expect(isNewerSequencer('1', '10')).toBe(false);
});
